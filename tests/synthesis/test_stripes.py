"""Claim: stripes are drawn by the published recipe."""

import numpy as np

from albar_jax.synthesis import stripes
from albar_jax.synthesis.draws import generator


def rows_of(mask):
    """Returns first and last row (exclusive) of each stripe of a column."""
    return np.flatnonzero(np.diff(np.pad(mask.astype(int), 1))).reshape(-1, 2).tolist()


def test_a_band_lies_around_the_wave_and_is_copied_up_and_down():
    wave = np.full(stripes.CANVAS, 128.0)
    bands = stripes._bands(wave, 10.5, 40.25)
    assert (bands == bands[:, :1]).all()
    # 117.5 and 138.5 are truncated to 117 and 138. The ends of each copy are truncated separately.
    copies = [[int(117 + 40.25 * n), int(138 + 40.25 * n)] for n in range(-2, 7)]
    assert rows_of(bands[:, 0]) == [[0, 17], *copies]


def test_the_band_and_its_copies_end_at_row_255_before_they_are_moved():
    bands = stripes._bands(np.full(stripes.CANVAS, 250.0), 20.0, 100.0)
    # 25 rows, not 40.
    assert rows_of(bands[:, 0]) == [[30, 55], [130, 155], [230, 255], [330, 355]]


def test_a_picture_has_two_complementary_colours_and_no_corner_of_another():
    for seed in range(20):
        picture = stripes.draw(np.random.default_rng(seed))
        assert picture.shape == (256, 256, 3)
        assert picture.dtype == np.uint8
        first = picture[0, 0]
        other = picture[(picture != first).any(axis=-1)]
        assert (other == other[0]).all()
        # Each end is truncated to a whole number.
        assert set((first.astype(int) + other[0]).tolist()) <= {
            254,
            255,
        }


def test_stripes_cover_two_parts_of_three_to_five():
    """Stripes are 2 half-widths wide and 3 to 5 apart; less where cut off."""
    share = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        background = (255 * rng.random(3)).astype(np.uint8)
        picture = stripes.draw(np.random.default_rng(seed))
        share.append((picture != background).all(axis=-1).mean())
    assert 0.3 < np.mean(share) < 0.6


def test_a_clip_s_stripes_depend_on_seed_video_and_copy_alone():
    def picture(*names, seed=0):
        return stripes.draw(generator(seed, "background", *names))

    first = picture("a", "0")
    assert (picture("a", "0") == first).all()
    for other in (picture("a", "1"), picture("b", "0"), picture("a", "0", seed=1)):
        assert (other != first).any()
