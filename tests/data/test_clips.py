"""Claim: a clip takes the frames that the paper and its released code take."""

import numpy as np
import pytest

from albar_jax.data.clips import placed_indices, train_indices


@pytest.mark.parametrize(
    ("num_frames", "centre", "start"),
    [
        (20, [6, 8, 10, 12], [0, 2, 4, 6]),  # 8 of 20 at stride 2: 12 over, 6 on either side
        (9, [0, 2, 4, 6], [0, 2, 4, 6]),
        (8, [0, 2, 4, 6], [0, 2, 4, 6]),  # just long enough
        (7, [1, 2, 3, 4], [0, 1, 2, 3]),  # too short: stride 1
        (4, [0, 1, 2, 3], [0, 1, 2, 3]),
        (3, [0, 1, 2, 2], [0, 1, 2, 2]),  # too short still: the last frame again
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
