"""Claim: any file in a folder of videos gives exactly its frames or one clear reason.

Nothing hangs and nothing leaks memory. The committed films of `test_decode.py` and the archives of
`test_frames.py` are not repeated here.
"""

import fractions
import gc
import os
import re
import resource
import struct
from pathlib import Path

import av
import barcode
import numpy as np
import odd_films
import pytest
from barcode import numbers
from odd_films import barcodes, encode
from test_frames import refused, write_folder, write_zip
from test_loader import WHOLE, manifest_of

from albar_jax.data.decode import DecodeError, num_frames, open_video, read_frames
from albar_jax.data.loader import eval_batches
from albar_jax.data.readers import film_file, streams
from albar_jax.errors import StorageError

UNEVEN = [0, 1, 6, 7, 8, 17, 19, 20, 21, 22, 52, 53]
X264 = {"preset": "ultrafast", "x264-params": "bframes=2:b-adapt=0"}
X265 = {"preset": "ultrafast", "x265-params": "bframes=3:keyint=10:log-level=none:pools=none"}
VPX = {"deadline": "realtime", "cpu-used": "8"}
FIELDS = {"flags": "+ildct+ilme"}
ODD = (barcode.HEIGHT + 1, barcode.WIDTH + 1)


def film(codec: str, count: int = 12, options=None, size=(barcode.HEIGHT, barcode.WIDTH), **more):
    return {"codec": codec, "pictures": barcodes(count, size), "options": options, **more}


def see_through(pictures):
    return [np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)]) for picture in pictures]


# Each shows the barcodes 0, 1, 2, ...
FILMS = {
    "hevc.mp4": film("libx265", 24, X265),
    "hevc_10_bits.mkv": film("libx265", options=X265, pixels="yuv420p10le"),
    "h264_10_bits.mp4": film("libx264", options=X264, pixels="yuv420p10le"),
    "av1.mkv": film("libsvtav1", 20, {"preset": "8", "crf": "15", "svtav1-params": "lp=1"}),
    "vp8.webm": film("libvpx", options=VPX),
    "vp9_hidden_frames.webm": film(
        "libvpx-vp9", 30, {"cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"}
    ),
    "h264.ts": film("libx264", options=X264),
    "mpeg2.mpg": film("mpeg2video", options={"bf": "2"}),
    "flv1.flv": film("flv"),
    "wmv2.wmv": film("wmv2"),
    "gif.gif": film("gif", 6, pixels="rgb8"),
    "uneven_times.mp4": film("libx264", options=X264, times=UNEVEN),
    "uneven_times.mkv": film("libx264", options=X264, times=UNEVEN),
    "late_start.mp4": film("libx264", options=X264, times=range(200, 212)),
    "late_start.mkv": film("libx264", options=X264, times=range(200, 212)),
    "late_start.avi": film("mpeg4", times=range(20, 32)),
    "negative_start.mkv": film("libx264", options=X264, times=range(-5, 7)),
    "negative_start.mp4": film(
        "libx264", options=X264, times=range(-5, 7), container={"use_editlist": "0"}
    ),
    "odd_size.webm": film("libvpx-vp9", options=VPX, size=ODD),
    "odd_size.avi": film("mjpeg", size=ODD, pixels="yuvj420p"),
    "odd_size.mp4": film("libx264", options=X264, size=ODD, pixels="yuv444p"),
    "odd_size_xvid.avi": film("mpeg4", options={"bf": "2"}, size=ODD),
    "one_frame.mp4": film("libx264", 1, X264),
    "one_frame.avi": film("mpeg4", 1),
    "one_frame.webm": film("libvpx-vp9", 1, VPX),
    "five_frames.mp4": film("libx264", 5, X264),
    "five_frames.avi": film("mpeg4", 5, {"bf": "2"}),
    "grey.mp4": film("libx264", options=X264, pixels="gray"),
    "grey_16_bits.mkv": film("ffv1", 4, pixels="gray16le"),
    "alpha.webm": film("libvpx-vp9", options=VPX, pixels="yuva420p"),
    "alpha_prores.mov": film("prores_ks", 4, {"profile": "4444"}, pixels="yuva444p10le"),
    "interlaced.mp4": film(
        "libx264", options={**FIELDS, "preset": "ultrafast", "x264-params": "tff=1"}
    ),
    "interlaced.ts": film("mpeg2video", options={**FIELDS, "bf": "2"}),
    "wide_pixels.mp4": film(
        "libx264",
        options=X264,
        # Shown as stored.
        shape=fractions.Fraction(2),
    ),
    "wide_pixels.avi": film("mpeg4", shape=fractions.Fraction(2)),
}


@pytest.mark.parametrize("name", FILMS)
def test_film_gives_exactly_its_frames(tmp_path, name):
    path = encode(tmp_path / name, **FILMS[name])
    pictures = FILMS[name]["pictures"]
    shown = list(range(len(pictures)))
    assert num_frames(path) == len(shown)
    video = read_frames(path, shown)
    assert video.shape == (len(shown), *pictures[0].shape)
    assert numbers(video) == shown
    for wanted in ([shown[-1]], [shown[-1], 0], shown[len(shown) // 2 :: 3], shown[1::4] or [0]):
        np.testing.assert_array_equal(read_frames(path, wanted), video[wanted])
    np.testing.assert_array_equal(read_frames(path.read_bytes(), shown[::5]), video[::5])


def test_film_with_a_tag_that_is_not_utf_8_gives_its_frames(tmp_path):
    with av.open(str(tmp_path / "film.avi"), "w") as container:
        container.metadata["title"] = "TITLE"
        stream = container.add_stream("mjpeg", width=barcode.WIDTH, height=barcode.HEIGHT)
        stream.pix_fmt = "yuvj420p"
        for picture in barcodes(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))

    content = (tmp_path / "film.avi").read_bytes()
    assert content.count(b"TITLE") == 1
    # The title in a Latin encoding.
    assert numbers(read_frames(content.replace(b"TITLE", b"T\xeft\xe9l"), range(3))) == [0, 1, 2]


@pytest.mark.parametrize(
    ("version", "options"),
    [
        ("14.0.0", {"metadata_errors": "replace"}),
        ("18.1.0", {"metadata_errors": "replace"}),
        ("19.0.2", {}),
        ("20.1.0", {}),
    ],
)
def test_tags_in_any_encoding_are_accepted_as_each_version_of_pyav_needs(version, options):
    assert streams.tag_options(version) == options


def test_alpha_is_dropped_and_grey_is_grey(tmp_path):
    pictures = barcodes(3)
    path = encode(tmp_path / "alpha.mov", "png", see_through(pictures), pixels="rgba")
    np.testing.assert_array_equal(read_frames(path, range(3)), pictures)
    grey = read_frames(encode(tmp_path / "grey.mkv", "ffv1", pictures, pixels="gray"), range(3))
    assert (grey == grey[..., :1]).all()


def test_frames_before_time_zero_are_hidden_where_an_edit_list_says_so(tmp_path):
    path = encode(tmp_path / "film.mp4", **film("libx264", options=X264, times=range(-5, 7)))
    assert numbers(read_frames(path, range(num_frames(path)))) == list(range(5, 12))


@pytest.mark.parametrize("name", ["uneven_times.mkv", "h264.ts", "gif.gif"])
def test_a_truncated_film_without_an_index_gives_its_remaining_frames(tmp_path, name):
    path = encode(tmp_path / name, **FILMS[name])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 8 // 10])
    shown = numbers(read_frames(path, range(num_frames(path))))
    assert 3 < len(shown) < len(FILMS[name]["pictures"])
    # The last frame may be a reference of earlier frames that are now lost.
    assert shown[:-1] == list(range(len(shown) - 1))
    assert shown[-2] < shown[-1] < len(FILMS[name]["pictures"])


@pytest.mark.parametrize(("codec", "suffix"), [("mjpeg", "avi"), ("libvpx-vp9", "webm")])
def test_a_film_whose_pictures_change_size_is_read_up_to_the_change(tmp_path, codec, suffix):
    sizes = {"small": (barcode.HEIGHT, barcode.WIDTH), "large": (128, 192)}
    options = {"pixels": "yuvj420p"} if codec == "mjpeg" else {"options": VPX}
    parts = [
        encode(tmp_path / f"{size}.{suffix}", codec, barcodes(4, sizes[size]), **options)
        for size in sizes
    ]
    path = odd_films.join(tmp_path / f"film.{suffix}", parts)
    assert numbers(read_frames(path, range(4))) == [0, 1, 2, 3]
    assert read_frames(path, range(4, 8)).shape == (4, 128, 192, 3)
    with pytest.raises(DecodeError, match="its frames change size at frame 4"):
        read_frames(path, range(8))


def test_picture_larger_than_any_film_s_is_refused(tmp_path, monkeypatch):
    """Its pixels alone would fill the memory."""
    path = encode(tmp_path / "film.avi", **film("mpeg4"))
    monkeypatch.setattr(film_file, "MAX_PIXELS", 1 << 17)
    assert numbers(read_frames(path, [3])) == [3]
    monkeypatch.setattr(film_file, "MAX_PIXELS", 1 << 13)
    refused(path, "at frame 0")


def loop(path: Path) -> None:
    path.symlink_to(path)


def playlist(path: Path) -> None:
    """Writes a text that makes ffmpeg read another film."""
    encode(path.with_name("part.ts"), **film("libx264", options=X264))
    path.write_text("ffconcat version 1.0\nfile part.ts\n")


def stream_list(path: Path) -> None:
    encode(path.with_name("part.ts"), **film("libx264", options=X264))
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n"
    )


def tagged_song(path: Path) -> None:
    """Writes half a second of MP3 silence with a picture in its ID3 tag."""
    picture = b"\0image/png\0\3\0" + odd_films.png(barcode.draw(3))
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\3\0\0" + size + frame + (b"\xff\xfb\x90\0" + bytes(413)) * 20)


def other_codec(path: Path) -> None:
    encode(path, **film("libx264", options=X264))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))


def huge_header(path: Path) -> None:
    """Writes raw pixels of a few bytes with a header that claims gigabytes."""
    data = bytearray(encode(path, **film("rawvideo", 2, pixels="bgr24")).read_bytes())
    at = data.find(b"strf") + 8
    data[at + 4 : at + 12] = struct.pack("<ii", 30_000, 30_000)
    path.write_bytes(data)


# Name -> (function that makes the file, reason).
BAD = {
    "pipe.mp4": (os.mkfifo, "not a regular file"),
    "loop.mp4": (loop, "symbolic links"),
    "folder.mp4": (os.mkdir, "it holds no images"),
    "n" * 300: (lambda _: None, "name too long"),
    "null\0byte.mp4": (lambda _: None, "null"),
    "manifest.txt": (lambda path: path.write_text("path,label\n" * 99), "not a film"),
    "page.mp4": (lambda path: path.write_text("<html>404</html>\n" * 9), "Invalid data"),
    "playlist.mp4": (playlist, "not a film"),
    "playlist.m3u8": (stream_list, "not a film"),
    "song.m4a": (lambda path: odd_films.song(path, barcode.draw(9)), "no video stream"),
    "song.mp3": (tagged_song, "not a film"),
    "codec.mp4": (other_codec, "no decoder"),
    "huge_header.avi": (huge_header, "Invalid data"),
    "picture.bmp": (lambda path: path.write_bytes(b"BM" + bytes(99)), "."),
}


@pytest.fixture
def bad(tmp_path) -> dict[str, str]:
    """Returns path -> reason of files that cannot be read."""
    for name, (make, _) in BAD.items():
        make(tmp_path / name)
    return {str(tmp_path / name): reason for name, (_, reason) in BAD.items()}


def test_other_files_are_refused_with_path_and_reason(bad):
    for path, reason in bad.items():
        refused(path, reason)


def test_a_file_without_permission_is_no_bad_video(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = encode(tmp_path / "film.avi", **film("mpeg4"))
    path.chmod(0)
    with pytest.raises(StorageError, match=f"{path}: Permission denied; make it readable"):
        read_frames(path, [0])


def test_the_loader_leaves_out_other_files_with_the_reason(bad, films, tmp_path):
    good = [
        films / "mjpeg.avi",
        write_zip(
            tmp_path / "archive.mp4",
            frames := {f"{i}.jpg": odd_films.png(barcode.draw(i)) for i in range(3)},
        ),
        write_folder(tmp_path / "images.avi", frames),
        encode(tmp_path / "wrong_name.avi", **film("libx264", options=X264, form="mp4")),
    ]
    paths = [*bad, *good]
    with eval_batches(manifest_of(paths), WHOLE, batch_size=5) as batches:
        stream = list(batches)
    valid = np.concatenate([batch["valid"] for batch in stream])[: len(paths)]
    assert valid.tolist() == [0] * len(bad) + [1] * len(good)
    assert list(batches.failures) == list(bad)
    for path, reason in batches.failures.items():
        assert reason.startswith(f"{path}: ")
        assert re.search(bad[path], reason.removeprefix(f"{path}: "))
        assert "\n" not in reason


def test_no_damage_to_a_film_raises_anything_else(films):
    """Any other error would end a run of days."""
    rng = np.random.default_rng(0)
    refusals = tries = 0
    for path in sorted(films.iterdir()):
        whole = path.read_bytes()
        for _ in range(20):
            data = bytearray(whole)
            for place in rng.integers(
                min(len(data), rng.choice([2_000, len(data)])), size=rng.integers(1, 12)
            ):
                data[place] = rng.integers(256)
            tries += 1
            try:
                with open_video(bytes(data)) as video:
                    video.read([0, len(video) - 1])
            except DecodeError:
                refusals += 1
    assert tries // 10 < refusals < tries


def resident() -> int:
    """Returns the memory of this process in bytes, without garbage."""
    gc.collect()

    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.fixture
def usual_collection():
    """Collects garbage as often as Python does by default, which conftest.py changes."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("usual_collection")
def test_memory_stays_flat_over_5000_opens(films, tmp_path):
    images = {f"{i}.jpg": odd_films.png(barcode.draw(i)[:16, :16]) for i in range(3)}
    paths = [
        encode(tmp_path / "film.avi", **film("mpeg4", 2)),
        encode(tmp_path / "film.mp4", **film("libx264", 2, X264)),
        write_folder(tmp_path / "images", images),
        write_zip(tmp_path / "images.zip", images),
        encode(tmp_path / "cut.avi", **film("mpeg4", 2)),
    ]

    paths[-1].write_bytes(paths[-1].read_bytes()[:300])

    def open_all(times: int) -> int:
        for _ in range(times):
            for path in paths:
                try:
                    with open_video(path) as video:
                        video.read([0, 1])
                except DecodeError:
                    pass
        return resident()

    before = open_all(100)
    # Fragments of the heap take up to 10 MB. An open file that is not freed takes more than 20 kB.
    assert open_all(1000) - before < 16 << 20
