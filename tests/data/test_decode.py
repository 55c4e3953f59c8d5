"""Claim: for every codec and container, exactly the requested frames are returned."""

import functools
import itertools
import pathlib

import barcode
import decord
import numpy as np
import odd_films
import pytest
from barcode import numbers

from albar_jax.data.decode import DecodeError, num_frames, open_video, read_frames
from albar_jax.data.readers import decord as decord_reader
from albar_jax.data.readers import pyav
from albar_jax.data.readers.pyav import PyAVVideo
from albar_jax.storage.budget import Budget

# The numbers that each film shows, by make_fixtures.py. Every frame of the file must be read.
NUMBERS = {
    "xvid_bframes.avi": [*range(57), 58],
    "xvid_no_bframes.avi": list(range(60)),
    "mpeg4_asp.mp4": list(range(60)),
    "h264_gop250.mp4": list(range(300)),
    "h264_open_gop.mp4": list(range(60)),
    "h264_trimmed.mp4": list(range(28, 60)),
    "vp9.webm": list(range(60)),
    "vp9_10_bits.webm": list(range(10)),
    "mjpeg.avi": list(range(20)),
    "rotated_90.mp4": list(range(10)),
    "rotated_180.mp4": list(range(10)),
    "rotated_270.mp4": list(range(10)),
}
names = pytest.mark.parametrize("name", NUMBERS)
# With a deadline, a wrapper is returned that hides the reader.
NO_DEADLINE = Budget(seconds=0.0)


def index_sets(count: int):
    """Returns single frames, both ends, strided clips, and sets in any order with repeats."""
    rng = np.random.default_rng(count)
    yield [0]
    yield [count - 1]
    yield [count - 1, 0, count - 1]
    yield list(range(count // 3, count, 2))
    for size in (1, 3, 8, 8, 16):
        yield rng.integers(count, size=size).tolist()


@names
def test_frames_are_the_ones_asked_for(films, name):
    shown = NUMBERS[name]
    assert num_frames(films / name) == len(shown)
    assert numbers(read_frames(films / name, range(len(shown)))) == shown
    for wanted in index_sets(len(shown)):
        video = read_frames(films / name, wanted)
        assert video.dtype == np.uint8
        assert video.shape == (len(wanted), barcode.HEIGHT, barcode.WIDTH, 3)
        assert numbers(video) == [shown[i] for i in wanted]


@names
def test_an_open_video_can_be_read_again(films, name):
    with open_video(films / name) as video:
        first, second = video.read([1, 5]), video.read([1, 5])
        np.testing.assert_array_equal(video.read([5, 1]), first[::-1])
    np.testing.assert_array_equal(first, second)


@names
def test_bytes_and_path_give_the_same_frames(films, name):
    path = films / name
    np.testing.assert_array_equal(read_frames(path.read_bytes(), [2, 7]), read_frames(path, [2, 7]))


def test_decord_reads_vp9_to_the_pixel_as_pyav_and_refuses_other_films(films):
    for name in NUMBERS:
        if name != "vp9.webm":
            with pytest.raises(
                DecodeError, match="decord reads exactly only .*config.loader.decoder=auto"
            ):
                open_video(films / name, "decord")
            continue
        with open_video(films / name, "decord", NO_DEADLINE) as video:
            assert isinstance(video, decord_reader.DecordVideo)
            np.testing.assert_array_equal(
                video.read([9, 0, 3, 9]), read_frames(films / name, [9, 0, 3, 9])
            )


def test_decord_seeks_to_the_right_frames_of_vp9(films):
    for wanted in index_sets(60):
        with open_video(films / "vp9.webm", "decord") as video:
            assert numbers(video.read(wanted)) == wanted


def test_decord_returns_the_requested_box(films):
    with open_video(films / "vp9.webm", "decord") as video:
        box = video.read([5, 50], lambda height, width: (3, 6, height - 8, width - 9))
        np.testing.assert_array_equal(box, video.read([5, 50])[:, 3:-5, 6:-3])


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
def test_decord_is_used_only_on_request(films, decoder):
    with open_video(films / "vp9.webm", decoder, NO_DEADLINE) as video:
        assert isinstance(video, PyAVVideo)


def vp9(path, *, size=(barcode.HEIGHT, barcode.WIDTH), **more) -> pathlib.Path:
    options = {"deadline": "realtime", "cpu-used": "8"}
    return odd_films.encode(
        path, "libvpx-vp9", odd_films.barcodes(10, size), options=options, **more
    )


def vp9_of_two_sizes(path) -> pathlib.Path:
    parts = [
        vp9(path.with_name(f"{size[0]}.webm"), size=size)
        for size in [(barcode.HEIGHT, barcode.WIDTH), (128, 192)]
    ]
    return odd_films.join(path, parts)


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(vp9, size=(barcode.HEIGHT + 1, barcode.WIDTH)),
        functools.partial(vp9, size=(barcode.HEIGHT, barcode.WIDTH + 1)),
        functools.partial(vp9, pixels="yuv444p"),
        # No duration.
        functools.partial(vp9, container={"live": "1"}),
        vp9_of_two_sizes,
    ],
)
def test_decord_refuses_vp9_that_it_would_read_differently(tmp_path, make):
    path = make(tmp_path / "film.webm")
    with pytest.raises(DecodeError, match="film.webm"):
        open_video(path, "decord")
    with open_video(path) as video:
        assert numbers(video.read([7, 2])[:, : barcode.HEIGHT, : barcode.WIDTH]) == [7, 2]


def test_decord_that_counts_other_frames_is_refused(films, monkeypatch):
    monkeypatch.setattr(decord.VideoReader, "__len__", lambda _: 59)
    with pytest.raises(DecodeError, match="59 of 60 frames"):
        open_video(films / "vp9.webm", "decord")


@pytest.mark.parametrize(
    "name", ["xvid_bframes.avi", "mpeg4_asp.mp4", "h264_open_gop.mp4", "h264_trimmed.mp4"]
)
def test_decord_seeks_to_wrong_frames_elsewhere(films, name):
    """This is why decord reads only one codec. If this test fails, decord may read more."""
    wrong = 0
    for wanted in itertools.islice(index_sets(len(NUMBERS[name])), 3, None):
        ordered = sorted(set(wanted))
        video = decord.VideoReader(str(films / name), num_threads=1).get_batch(ordered).asnumpy()
        wrong += numbers(video) != [NUMBERS[name][i] for i in ordered]
    assert wrong > 0


@names
def test_video_longer_than_what_is_kept_is_decoded_again(films, name, monkeypatch):
    monkeypatch.setattr(pyav, "KEPT_PIXELS", 5 * barcode.WIDTH * barcode.HEIGHT)
    with PyAVVideo(str(films / name), name) as video:
        assert len(video) == len(NUMBERS[name])
        assert numbers(video.read([8, 4])) == [NUMBERS[name][8], NUMBERS[name][4]]


def test_colours_are_rgb(films):
    video = read_frames(films / "mjpeg.avi", [4])[0].astype(int)
    drawn = barcode.draw(4).astype(int)
    assert np.abs(video - drawn)[40:].mean() < 6
    assert np.abs(video - drawn[..., ::-1])[40:].mean() > 30


@pytest.mark.parametrize("index", [-1, 20])
def test_frame_outside_the_video_is_an_index_error(films, index):
    with pytest.raises(IndexError, match=f"20 frames.*{index}"):
        read_frames(films / "mjpeg.avi", [0, index])


def test_no_frames_asked_for_is_an_index_error(films):
    with pytest.raises(IndexError, match="no frames"):
        read_frames(films / "mjpeg.avi", [])


def bad_files(folder: pathlib.Path, films: pathlib.Path) -> list[pathlib.Path]:
    """Writes files that cannot be read: truncated, empty, random, text, sound."""
    rng = np.random.default_rng(0)
    cut_avi, cut_mp4 = (films / "mjpeg.avi").read_bytes(), (films / "h264_gop250.mp4").read_bytes()
    xvid = (films / "xvid_bframes.avi").read_bytes()
    silence = (
        b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0"
        b"\2\0\x10\0data\0\x08\0\0" + bytes(2048)
    )
    contents = {
        "cut.avi": cut_avi[: len(cut_avi) // 2],
        "cut.mp4": cut_mp4[: len(cut_mp4) // 2],
        "cut_xvid.avi": xvid[: len(xvid) // 2],
        "header_only.avi": cut_avi[:300],
        "empty.avi": b"",
        "junk.avi": rng.bytes(5000),
        "text.avi": b"This is not a video.\n" * 50,
        "sound.avi": silence,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def test_unreadable_file_is_a_decode_error_with_its_path(films, tmp_path):
    for path in [*bad_files(tmp_path, films), tmp_path]:
        with pytest.raises(DecodeError) as caught:
            read_frames(path, [0])
        message = str(caught.value)
        assert message.startswith(f"{path}: "), message
        assert len(message) > len(f"{path}: ") + 5, message
        assert "\n" not in message
