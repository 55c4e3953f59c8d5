"""Claim: for every codec and container, the frames asked for are the frames returned."""

import pathlib

import barcode
import numpy as np
import pytest

from albar_jax.data.decode import DecodeError, num_frames, open_video, read_frames
from albar_jax.data.readers import pyav
from albar_jax.data.readers.pyav import PyAVVideo

# What each film shows, by make_fixtures.py. Every frame that is in the file must be there.
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


def numbers(video: np.ndarray) -> list[int]:
    return [barcode.read(frame) for frame in video]


def index_sets(count: int):
    """Single frames, both ends, strided clips, and sets in any order with repeats."""
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
    """Writes files that cannot be read: cut off, empty, junk, text, sound."""
    rng = np.random.default_rng(0)
    cut_avi, cut_mp4 = (films / "mjpeg.avi").read_bytes(), (films / "h264_gop250.mp4").read_bytes()
    xvid = (films / "xvid_bframes.avi").read_bytes()
    silence = b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\x08\0\0" + bytes(
        2048
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
    for path in [*bad_files(tmp_path, films), tmp_path / "missing.avi", tmp_path]:
        with pytest.raises(DecodeError) as caught:
            read_frames(path, [0])
        message = str(caught.value)
        assert message.startswith(f"{path}: "), message
        assert len(message) > len(f"{path}: ") + 5, message
        assert "\n" not in message
