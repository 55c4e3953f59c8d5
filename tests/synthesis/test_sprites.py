"""Claim: sprites are bright, have two tones, are antialiased and wrap around on a torus."""

import colorsys

import numpy as np
import pytest

from albar_jax.toy import motion, sprites
from albar_jax.toy.shapes import SHAPES, TEXTURES


def of_shape(shape, texture="check"):
    return sprites.Family(shape, shape, 0.3, texture)


def place(x, y, radius):
    return motion.Trajectory(*(np.array([value]) for value in (x, y, radius)))


@pytest.mark.parametrize("family", SHAPES)
@pytest.mark.parametrize("radius", [0.143, 0.286])
def test_parts_that_leave_at_an_edge_return_at_the_other(family, radius):
    sprite = sprites.draw(np.random.default_rng(0), of_shape(family))
    colors, mask = sprites.render(sprite, place(0.5, 0.5, radius), 32)
    shifted_colors, shifted = sprites.render(sprite, place(0.0, 0.25, radius), 32)
    rolled, rolled_colors = (np.roll(array, (-8, 16), axis=(1, 2)) for array in (mask, colors))
    # Rounding may move single subpixels across an edge.
    assert np.abs(rolled - shifted).max() <= 2 / 16
    assert np.mean(rolled != shifted) < 0.01
    assert np.abs((rolled_colors - shifted_colors) * shifted[..., None]).max() < 0.1
    # At the largest size the sprite does not overlap itself.
    assert mask[0, 0].max() == mask[0, :, 0].max() == 0


def test_mask_is_the_share_of_the_pixel_that_is_covered():
    sprite = sprites.draw(np.random.default_rng(0), of_shape("disk"))
    for radius in (0.143, 0.2, 0.286):
        _, mask = sprites.render(sprite, place(0.37, 0.61, radius), 32)
        assert mask.sum() / 32**2 == pytest.approx(np.pi * radius**2, rel=0.01)
        # The edge has partly covered pixels instead of steps.
        assert np.mean((mask > 0) & (mask < 1)) > 0.02
        assert mask.min() == 0
        assert mask.max() == 1


@pytest.mark.parametrize("family", SHAPES)
def test_tones_are_bright_and_of_the_familys_hue(family):
    rng = np.random.default_rng(0)
    for _ in range(50):
        deep, pale = (
            colorsys.rgb_to_hsv(*tone) for tone in sprites.draw(rng, of_shape(family)).tones
        )
        for hue, _, value in (deep, pale):
            assert abs((hue - 0.3 + 0.5) % 1 - 0.5) <= 0.0301
            assert value >= 0.9
        assert 0.55 <= deep[1] <= 0.75
        assert 0.15 <= pale[1] <= 0.35


@pytest.mark.parametrize("texture", TEXTURES)
@pytest.mark.parametrize("family", SHAPES)
def test_both_tones_show(family, texture):
    sprite = sprites.draw(np.random.default_rng(3), of_shape(family, texture))
    colors, mask = sprites.render(sprite, place(0.5, 0.5, 0.286), 64)
    inside = colors[mask == 1]
    for tone in sprite.tones:
        share = np.mean(np.abs(inside - tone).max(axis=1) < 1e-5)
        assert share > 0.12


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_quarter_turn_is_clockwise_and_turns_the_texture_too(texture):
    sprite = sprites.draw(np.random.default_rng(0), of_shape("ell", texture))
    one = place(0.5, 0.5, 0.25)
    turned = motion.Trajectory(one.x, one.y, one.radius, np.array([0.25]))
    (colors, mask), (turned_colors, turned_mask) = (
        sprites.render(sprite, path, 32) for path in (one, turned)
    )
    # A positive k would be counterclockwise. Rounding may move subpixels across an edge.
    quarter = np.rot90(mask[0], -1)
    assert np.abs(turned_mask[0] - quarter).mean() < 0.005
    shown = np.rot90(colors[0], -1)[quarter == 1]
    assert np.abs(turned_colors[0][quarter == 1] - shown).mean() < 0.02
    assert np.abs(mask[0] - quarter).mean() > 0.05


def test_a_long_clip_of_large_frames_is_drawn_in_parts_with_the_same_pixels(monkeypatch):
    sprite = sprites.draw(np.random.default_rng(0), of_shape("zed"))
    count = 5
    path = motion.Trajectory(
        np.linspace(0, 1, count), np.full(count, 0.3), np.full(count, 0.2), np.arange(count) / 9
    )
    whole = sprites.render(sprite, path, 32)
    drawn = []
    draw = sprites._local_coordinates
    monkeypatch.setattr(
        sprites, "_local_coordinates", lambda *a: drawn.append(len(a[1].x)) or draw(*a)
    )
    monkeypatch.setattr(sprites, "_MOST_SUBPIXELS", 2 * 128**2)
    parts = sprites.render(sprite, path, 32)
    assert drawn == [2, 2, 1]
    assert all((one == other).all() for one, other in zip(whole, parts, strict=True))


def test_textures_are_different_patterns():
    shown = []
    for texture in TEXTURES:
        sprite = sprites.draw(np.random.default_rng(0), of_shape("disk", texture))
        colors, mask = sprites.render(sprite, place(0.5, 0.5, 0.286), 32)
        shown.append(colors[mask == 1])
    for i, first in enumerate(shown):
        for second in shown[:i]:
            assert np.abs(first - second).mean() > 0.1


def test_families_are_different_shapes():
    rng = np.random.default_rng(0)
    masks = [
        sprites.render(sprites.draw(rng, of_shape(family)), place(0.5, 0.5, 0.286), 32)[1]
        for family in SHAPES
    ]
    for i, first in enumerate(masks):
        for second in masks[:i]:
            assert np.minimum(first, second).sum() / np.maximum(first, second).sum() < 0.9
