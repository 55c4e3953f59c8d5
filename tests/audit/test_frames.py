"""Claim: the frames of a clip are those that the sampling of a model describes."""

import numpy as np
import pytest

from albar_jax.audit.frames import choose, reorder
from albar_jax.audit.models.base import Sampling
from albar_jax.data.decode import open_video


@pytest.mark.parametrize(
    ("count", "fps", "sampling", "expected"),
    [
        # All frames.
        (3, 25.0, Sampling(), [0, 1, 2]),
        # Spread: the middle of each of four parts of 20 frames.
        (20, 25.0, Sampling(4), [2, 7, 12, 17]),
        (5, 25.0, Sampling(1), [2]),
        # Too few frames: each is repeated.
        (2, 25.0, Sampling(4), [0, 0, 1, 1]),
        (1, None, Sampling(4), [0, 0, 0, 0]),
        # Stride 3, four frames span 12 of 20, centred: 4 before, 4 behind.
        (20, 25.0, Sampling(4, stride=3), [4, 7, 10, 13]),
        (12, 25.0, Sampling(4, stride=3), [0, 3, 6, 9]),
        # Too short for the stride: spread.
        (11, 25.0, Sampling(4, stride=3), [1, 4, 6, 9]),
        # 10 of 25 frames a second: every 2.5th frame.
        (20, 25.0, Sampling(4, fps=10.0), [5, 7, 10, 12]),
        (20, 10.0, Sampling(4, fps=10.0), [8, 9, 10, 11]),
        # Slower films repeat frames, to keep the speed.
        (20, 5.0, Sampling(4, fps=10.0), [9, 9, 10, 10]),
        # Pictures have no times: 25 frames a second.
        (20, None, Sampling(4, fps=12.5), [6, 8, 10, 12]),
    ],
)
def test_one_clip_is_in_the_middle(count, fps, sampling, expected):
    assert choose(count, fps, sampling).tolist() == expected


def test_several_clips_are_centred_in_equal_parts():
    clips = [choose(20, 25.0, Sampling(2, stride=2), view, 2).tolist() for view in range(2)]
    assert clips == [[4, 6], [12, 14]]
    spread = [choose(8, 25.0, Sampling(2), view, 2).tolist() for view in range(2)]
    assert spread == [[1, 5], [3, 7]]


@pytest.mark.parametrize("sampling", [Sampling(7), Sampling(7, fps=7.3), Sampling(7, stride=5)])
def test_all_frames_exist_and_are_in_order(sampling):
    for count in range(1, 60):
        for view in range(3):
            numbers = choose(count, 29.97, sampling, view, 3)
            assert len(numbers) == 7
            assert numbers.min() >= 0
            assert numbers.max() < count
            assert (np.diff(numbers) >= 0).all()


def test_orders():
    rng = np.random.default_rng(0)
    assert reorder(4, "forward", rng).tolist() == [0, 1, 2, 3]
    assert reorder(4, "reversed", rng).tolist() == [3, 2, 1, 0]
    assert reorder(5, "static", rng).tolist() == [2, 2, 2, 2, 2]
    assert reorder(4, "static", rng).tolist() == [2, 2, 2, 2]
    assert sorted(reorder(9, "shuffled", rng).tolist()) == list(range(9))


def test_a_film_has_its_rate_and_a_picture_none(world_dir):
    film = next((world_dir / "videos").rglob("*.mp4"), None) or next(
        path for path in (world_dir / "videos").rglob("*") if path.is_file()
    )
    with open_video(film) as video:
        assert video.fps
        assert 1 < video.fps < 100
    picture = next(path for path in (world_dir / "quickstart_scufo").rglob("*.*"))
    with open_video(picture) as video:
        assert video.fps is None
