"""Claim: videos are cut into 32 segments as the original does; values of PyTorch's run are met."""

from pathlib import Path

import numpy as np
import pytest

from albar_jax.features.snippets import segments_of, with_magnitude

GOLDEN = Path(__file__).parents[1] / "reference" / "downstream" / "mgfn.npz"


@pytest.mark.parametrize("length", [5, 31, 32, 33, 100])
def test_segments_are_the_originals(length):
    with np.load(GOLDEN, allow_pickle=False) as golden:
        rows, expected = golden[f"segments/in{length}"], golden[f"segments/out{length}"]
    np.testing.assert_allclose(segments_of(rows), expected, rtol=1e-6, atol=1e-7)
    # Each crop is cut by itself.
    crops = np.stack([rows, 2 * rows], axis=1)
    np.testing.assert_allclose(segments_of(crops)[:, 1], 2 * expected, rtol=1e-6, atol=1e-7)


def test_the_magnitude_is_the_norm_of_the_row():
    rows = np.float32([[[3, 4]], [[0, 0]]])
    np.testing.assert_array_equal(with_magnitude(rows), np.float32([[[3, 4, 5]], [[0, 0, 0]]]))
    assert with_magnitude(rows).dtype == np.float32
