import itertools
import math

import numpy as np
import pytest

from albar_jax.models import windows


def test_window_shrinks_to_a_short_axis_which_is_then_not_shifted():
    assert windows.fit((8, 14, 14), (8, 7, 7), shifted=True) == ((8, 7, 7), (0, 3, 3))
    assert windows.fit((16, 4, 9), (8, 7, 7), shifted=True) == ((8, 4, 7), (4, 0, 3))
    assert windows.fit((16, 14, 14), (8, 7, 7), shifted=False) == ((8, 7, 7), (0, 0, 0))


@pytest.mark.parametrize("size", range(1, 12))
def test_padding_reaches_the_next_multiple(size):
    (_, after) = windows.padding((size, 1, 1), (4, 1, 1))[1]
    assert (size + after) % 4 == 0
    assert after < 4


def test_a_window_has_neighbours_in_their_order_and_windows_make_up_the_grid():
    size, window = (4, 6, 4), (2, 3, 2)
    place = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    # Two clips, whose channels are t, h and w.
    grid = np.stack([place, place + 100])
    cut = windows.split(grid, window)

    assert cut.shape == (2 * 2 * 2, 2, 12, 3)
    for clip, first in ((0, (2, 3, 0)), (1, (102, 103, 100))):
        expected = [np.add(first, offset) for offset in itertools.product(*map(range, window))]
        # The window (t, h, w) = (1, 1, 0).
        np.testing.assert_array_equal(cut[6, clip], expected)
    np.testing.assert_array_equal(windows.join(cut, size, window), grid)


def test_relative_index_is_one_row_of_the_table_per_offset():
    window = (2, 3, 4)
    index = windows.relative_index(window, window)
    tokens = list(itertools.product(*map(range, window)))
    rows = {}
    for (i, a), (j, b) in itertools.product(enumerate(tokens), repeat=2):
        rows.setdefault(tuple(np.subtract(a, b)), set()).add(int(index[i, j]))

    assert all(len(row_set) == 1 for row_set in rows.values())
    assert sorted(row for row_set in rows.values() for row in row_set) == list(range(3 * 5 * 7))


def test_relative_index_of_a_smaller_window_is_the_corner_of_the_full_one():
    full = windows.relative_index((4, 7, 7), (4, 7, 7))
    assert np.array_equal(windows.relative_index((4, 7, 7), (4, 5, 6)), full[:120, :120])


@pytest.mark.parametrize("shift", [(2, 3, 3), (0, 3, 3), (2, 0, 0)])
def test_two_tokens_share_a_region_only_if_the_shift_did_not_make_them_neighbours(shift):
    size, window = (8, 14, 14), (4, 7, 7)
    tokens = np.indices(size).reshape(3, -1)
    shifted = [
        np.roll(t.reshape(size), [-s for s in shift], (0, 1, 2))
        .reshape(2, 4, 2, 7, 2, 7)
        .transpose(0, 2, 4, 1, 3, 5)
        .reshape(-1, math.prod(window))
        for t in tokens
    ]
    region = windows.regions(size, window, shift)

    for w in range(region.shape[0]):
        places = np.stack([t[w] for t in shifted])
        # Within a window, true neighbours are closer than a window along every shifted axis.
        gaps = np.abs(places[:, :, None] - places[:, None, :])
        near = np.all([g < k for g, k, s in zip(gaps, window, shift, strict=True) if s], axis=0)
        assert np.array_equal(near, region[w][:, None] == region[w][None, :])
