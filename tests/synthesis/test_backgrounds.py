"""Claim: backgrounds are dark, have the hue of their family, tile on the torus, and have grain."""

import colorsys

import numpy as np
import pytest

from albar_jax.toy import backgrounds
from albar_jax.toy.novel import NOVEL, draw_octaves, draw_sinusoid
from albar_jax.toy.patterns import PATTERNS

FAMILIES = tuple(PATTERNS)


def of_pattern(pattern):
    return backgrounds.Family(pattern, pattern, FAMILIES.index(pattern) / len(FAMILIES))


@pytest.mark.parametrize("family", FAMILIES)
def test_family_has_its_hue_and_is_dark(family):
    rng = np.random.default_rng(0)
    for _ in range(20):
        picture = backgrounds.draw(rng, of_pattern(family), 32)
        hue, saturation, _ = colorsys.rgb_to_hsv(*picture.mean(axis=(0, 1)))
        distance = (hue - FAMILIES.index(family) / len(FAMILIES) + 0.5) % 1 - 0.5
        # The hue varies by 0.04, and the grain adds a little.
        assert abs(distance) < 0.045
        assert saturation > 0.5
        assert picture.max() < backgrounds.MAX_VALUE + 5 * backgrounds.NOISE_SD
        assert picture.max() > 0.35


@pytest.mark.parametrize("family", FAMILIES)
def test_pattern_repeats_after_a_frame_so_that_rolling_leaves_no_seam(family):
    position = (np.arange(128) + 0.5) / 128
    for seed in range(10):

        def pattern(right, down, seed=seed):
            rng = np.random.default_rng(seed)
            return PATTERNS[family](
                rng, position[None, :] + right, position[:, None] + down
            ).astype(float)

        for shift in ((1, 0), (0, 1)):
            # Rounding may flip single points that lie on an edge.
            assert np.abs(pattern(*shift) - pattern(0, 0)).mean() < 0.01


def test_grain_is_one_picture_of_standard_deviation_a_fiftieth(monkeypatch):
    with_grain = backgrounds.draw(np.random.default_rng(5), of_pattern("gradient"), 64)
    monkeypatch.setattr(backgrounds, "NOISE_SD", 0.0)
    without = backgrounds.draw(np.random.default_rng(5), of_pattern("gradient"), 64)
    # Nothing is clipped at black there.
    lit = without > 0.1
    assert np.std((with_grain - without)[lit]) == pytest.approx(0.02, rel=0.05)


def test_families_are_different_patterns():
    """The families differ in more than hue: they are recognised without colour."""
    rng = np.random.default_rng(0)

    def spectrum(family):
        gray = backgrounds.draw(rng, of_pattern(family), 32).mean(axis=-1)
        power = np.log(np.abs(np.fft.rfft2((gray - gray.mean()) / gray.std())) + 1)
        return power.ravel()

    names = [family for family in FAMILIES for _ in range(40)]
    references = np.stack([spectrum(family) for family in names])
    for family in FAMILIES:
        nearest = [np.square(references - spectrum(family)).sum(axis=1).argmin() for _ in range(30)]
        hits = sum(names[i] == family for i in nearest)
        # Two families with the same pattern would share their hits: 15 each, sd 2.7.
        assert hits >= 24, (family, hits)


def test_novel_backgrounds_are_dark_and_vary():
    rng = np.random.default_rng(0)
    waves = np.stack([draw_sinusoid(rng, 32) for _ in range(40)])
    assert waves.min() >= 0.05
    assert waves.max() <= 0.5
    noises = np.stack([draw_octaves(rng, 32) for _ in range(40)])
    assert noises.min() >= 0
    assert noises.max() <= 0.6
    # Noise of mean 1/2, times 0.35 to 0.6.
    brightness = 2 * noises.mean(axis=(1, 2, 3))
    assert 0.32 <= brightness.min() < 0.41
    assert 0.54 < brightness.max() <= 0.64
    for pictures in (waves, noises):
        means = pictures.mean(axis=(1, 2))
        assert np.unique(means.round(4), axis=0).shape[0] == 40


@pytest.mark.parametrize("kind", NOVEL)
def test_every_novel_kind_is_dark_has_two_tones_or_more_and_varies(kind):
    rng = np.random.default_rng(1)
    pictures = np.stack([NOVEL[kind](rng, 40) for _ in range(20)])
    assert pictures.dtype == np.float32
    assert pictures.shape == (20, 40, 40, 3)
    assert pictures.min() >= 0
    assert pictures.max() <= 0.6
    assert pictures.std(axis=(1, 2)).max(axis=1).min() > 0.015
    assert len(np.unique(pictures.mean(axis=(1, 2)).round(4), axis=0)) == 20


def test_sinusoid_has_two_to_six_cycles():
    rng = np.random.default_rng(0)
    for _ in range(30):
        gray = draw_sinusoid(rng, 64)[..., 0]
        power = np.abs(np.fft.fft2((gray - gray.mean()) * np.outer(np.hanning(64), np.hanning(64))))
        frequency = np.fft.fftfreq(64, 1 / 64)
        y, x = np.unravel_index(power.argmax(), power.shape)
        assert 1.2 <= np.hypot(frequency[y], frequency[x]) <= 6.8


def test_octaves_are_noise_at_four_scales():
    """Each octave of frequency has less energy than the one before; the finest has some."""
    rng = np.random.default_rng(0)
    pictures = np.stack([draw_octaves(rng, 64)[..., 0] for _ in range(30)])
    power = np.abs(np.fft.fft2(pictures - pictures.mean(axis=(1, 2), keepdims=True))).mean(axis=0)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(64, 1 / 64), np.fft.fftfreq(64, 1 / 64)))
    bands = [power[(radius >= low) & (radius < 2 * low)].mean() for low in (1, 2, 4, 8, 16)]
    assert all(coarse > fine for coarse, fine in zip(bands, bands[1:], strict=False))
    # Three octaves would leave 1/2800.
    assert bands[-1] > bands[0] / 600
