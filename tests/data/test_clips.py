"""Claim: a clip has the same frames as in the paper and its released code."""

import numpy as np
import pytest

from albar_jax.data.clips import placed_indices, train_indices


@pytest.mark.parametrize(
    ("num_frames", "centre", "start"),
    [
        # 4 frames at stride 2 span 8 of 20 frames; 12 are left, 6 on each side.
        (20, [6, 8, 10, 12], [0, 2, 4, 6]),
        (9, [0, 2, 4, 6], [0, 2, 4, 6]),
        # Just long enough.
        (8, [0, 2, 4, 6], [0, 2, 4, 6]),
        # Too short: stride 1.
        (7, [1, 2, 3, 4], [0, 1, 2, 3]),
        (4, [0, 1, 2, 3], [0, 1, 2, 3]),
        # Even shorter: the last frame is repeated.
        (3, [0, 1, 2, 2], [0, 1, 2, 2]),
        (1, [0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_centre_and_start_clips(num_frames, centre, start):
    assert placed_indices(num_frames, 4, 2, 0.5).tolist() == centre
    assert placed_indices(num_frames, 4, 2, 0.0).tolist() == start


@pytest.mark.parametrize(
    ("num_frames", "stride", "starts"),
    [(20, 2, 12), (9, 2, 1), (8, 2, 1), (7, 1, 3), (4, 1, 1), (2, 1, 1)],
)
def test_training_clip_starts_anywhere_it_fits(num_frames, stride, starts):
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        indices = train_indices(num_frames, 4, 2, rng)
        expected = [min(indices[0] + stride * i, num_frames - 1) for i in range(4)]
        assert indices.tolist() == expected
        seen.add(int(indices[0]))
    assert seen == set(range(starts))


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [
        (20, [*range(0, 20, 2), *range(0, 20, 2), *range(0, 20, 2), 0, 2]),
        (33, [*range(0, 33, 2), *range(1, 30, 2)]),
        (40, [*range(0, 40, 2), *range(0, 23, 2)]),
        (63, [*range(0, 63, 2)]),
        (64, [*range(0, 63, 2)]),
        (65, [*range(1, 64, 2)]),
        (100, [*range(18, 81, 2)]),
        (101, [*range(19, 82, 2)]),
    ],
)
def test_the_test_clip_of_stillmix_loops_and_counts_the_last_start(num_frames, expected):
    """mmaction2's SampleFrames has start int((n - 63) / 2), and frames start + 2 i modulo n."""
    assert (
        placed_indices(num_frames, 32, 2, 0.5, short="loop", starts="inclusive").tolist()
        == expected
    )


@pytest.mark.parametrize(
    ("starts", "expected"), [("inclusive", [4, 13, 23, 32]), ("exclusive", [4, 13, 22, 31])]
)
def test_the_starts_of_four_views_of_a_hundred_frames(starts, expected):
    times = [(view + 0.5) / 4 for view in range(4)]
    assert [placed_indices(100, 32, 2, time, starts=starts)[0] for time in times] == expected


@pytest.mark.parametrize(
    ("num_frames", "short", "starts", "stride", "expected"),
    [
        (70, "stretch", "exclusive", 2, range(6)),
        (70, "loop", "inclusive", 2, range(7)),
        (40, "stretch", "exclusive", 1, range(8)),
        (40, "loop", "inclusive", 2, range(1)),
        (64, "loop", "inclusive", 2, range(1)),
        (40, "stretch", "inclusive", 1, range(9)),
    ],
)
def test_the_training_starts_of_both_protocols(num_frames, short, starts, stride, expected):
    rng = np.random.default_rng(0)
    clips = [train_indices(num_frames, 32, 2, rng, short=short, starts=starts) for _ in range(200)]
    assert {int(clip[0]) for clip in clips} == set(expected)
    for clip in clips:
        frames = clip[0] + stride * np.arange(32)
        assert clip.tolist() == (frames % num_frames if short == "loop" else frames).tolist()


@pytest.mark.parametrize("time", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("num_frames", range(1, 70))
def test_no_clip_leaves_its_video(num_frames, time):
    for short in ("stretch", "loop"):
        for starts in ("exclusive", "inclusive"):
            frames = placed_indices(num_frames, 32, 2, time, short=short, starts=starts)
            assert 0 <= frames.min() <= frames.max() < num_frames


@pytest.mark.parametrize("starts", ["exclusive", "inclusive"])
def test_the_clip_at_the_end_of_a_video_ends_with_it(starts):
    assert placed_indices(100, 32, 2, 1.0, starts=starts)[0] == 36
    assert placed_indices(100, 32, 2, 1.0, short="loop", starts=starts).tolist() == [
        *range(36, 100, 2)
    ]
