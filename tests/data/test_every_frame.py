"""Claim: every frame of many videos is read once, in order and whole.

An unreadable video does not change the others.
"""

import cv2
import numpy as np
import pytest

from albar_jax.data import every_frame
from albar_jax.data.every_frame import read_all

LENGTHS = (1, 5, 7)
SIZE = 24


def picture(video: int, frame: int) -> np.ndarray:
    """Returns noise, wider than high, so that a crop differs from the whole picture."""
    return np.random.default_rng((video, frame)).integers(256, size=(40, 56, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Returns folders of 1, 5 and 7 pictures, and between them a file that is no video."""
    root = tmp_path_factory.mktemp("videos")
    paths = []
    for video, length in enumerate(LENGTHS):
        (root / str(video)).mkdir()
        for frame in range(length):
            assert cv2.imwrite(
                str(root / str(video) / f"{frame:03d}.png"), picture(video, frame)[:, :, ::-1]
            )
        paths.append(str(root / str(video)))
    (root / "broken.avi").write_bytes(b"no video")
    return [*paths[:2], str(root / "broken.avi"), paths[2]]


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("chunk", [2, 128])
def test_every_nth_frame_is_read_once_in_order_and_whole(
    videos, threads, every, chunk, monkeypatch
):
    monkeypatch.setattr(every_frame, "CHUNK", chunk)
    videos_read = list(read_all(videos, size=SIZE, every=every, threads=threads))
    assert [bool(frames.reason) for frames in videos_read] == [False, False, True, False]
    for video, frames in enumerate(videos_read[:2] + videos_read[3:]):
        np.testing.assert_array_equal(frames.numbers, np.arange(0, LENGTHS[video], every))
        whole = [
            cv2.resize(picture(video, number), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
            for number in frames.numbers
        ]
        np.testing.assert_array_equal(frames.pictures, whole)


def test_a_video_that_cannot_be_read_has_a_reason_and_no_frames(videos):
    (frames,) = read_all(videos[2:3], size=SIZE, every=1, threads=1)
    assert "broken.avi" in frames.reason
    assert frames.pictures.shape == (0, SIZE, SIZE, 3)
    assert frames.numbers.shape == (0,)


def test_videos_are_read_a_few_ahead_and_no_further(videos):
    asked = []

    def paths():
        for path in videos * 50:
            asked.append(path)
            yield path

    stream = read_all(paths(), size=SIZE, every=1, threads=2)
    for count in range(1, 6):
        next(stream)
        assert len(asked) <= count + 3
    stream.close()
