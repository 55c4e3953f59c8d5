"""Tests of the pictures: scales, smoothing, colours, and the layout of strips."""

import weakref

import cv2
import numpy as np
import pytest

from albar_jax.report import attribution_page, heat_maps
from albar_jax.report.attribution_pictures import (
    Explained,
    ExplainedClip,
    Overlay,
    Style,
    draw_strips,
    picture,
    scale_of_all,
    write_png,
)

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 16, 20, 3), np.uint8)


def explained(model, *maps):
    overlays = tuple(Overlay(f"map {i}", values, FRAMES) for i, values in enumerate(maps))
    return Explained(model, "wave 90%", overlays)


def clip_of(*models):
    return ExplainedClip("clip_1", "wave", FRAMES, models)


def test_the_scale_is_where_the_sorted_magnitudes_reach_98_percent_of_their_sum():
    # The sorted magnitudes 2, 3, 5, 90 have the sums 2, 5, 10, 100.
    values = np.array([5.0, 90.0, -3.0, 2.0]).reshape(1, 2, 2)
    assert heat_maps.common_scale([values]) == 90
    ones = np.ones((1, 10, 10))
    assert heat_maps.common_scale([ones]) == 1
    # One outlier of 1 % of the sum does not set the scale, but one of 3 % does.
    ones[0, 0, 0] = 1.01
    assert heat_maps.common_scale([ones]) == 1
    ones[0, 0, 0] = 3.2
    assert heat_maps.common_scale([ones]) == 3.2
    assert heat_maps.common_scale([np.zeros((1, 2, 2))]) == 0


@pytest.mark.parametrize("sd", [1e-8, 1.0])
def test_the_scale_of_maps_that_are_read_one_by_one_is_the_same(sd):
    maps = [sd * np.random.default_rng(seed).normal(size=(2, 9, 7)) for seed in range(3)]
    maps[1][0] = 0
    for chosen in (maps, maps[:1], [values.round() for values in maps], [np.ones((1, 2, 2))]):
        expected = heat_maps.common_scale(chosen)
        # The next float32 may be chosen where the sums are rounded.
        found = heat_maps.streamed_scale(lambda chosen=chosen: iter(chosen))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert heat_maps.streamed_scale(lambda: [np.zeros((1, 2, 2))]) == 0


def test_the_scale_is_common_to_all_maps():
    small, large = np.ones((1, 4, 4)), np.full((1, 4, 4), 100.0)
    assert heat_maps.common_scale([small, large]) == 100


@pytest.mark.parametrize(
    ("show", "value", "color"),
    [
        ("positive", 1, (0, 68, 27)),
        ("positive", 0, (247, 252, 245)),
        ("absolute", 2, (8, 48, 107)),
        ("signed", -5, (255, 0, 0)),
        ("signed", 0, (255, 255, 255)),
        ("signed", 1, (0, 128, 0)),
    ],
)
def test_overlays_are_half_grey_and_half_colour(show, value, color):
    pictures = heat_maps.overlay(FRAMES, np.full((4, 16, 20), float(value)), 1.0, show)
    expected = 0.5 * FRAMES.mean(-1, keepdims=True) + 0.5 * np.array(color)
    np.testing.assert_allclose(pictures, expected, atol=0.51)


def test_maps_without_values_are_drawn_as_zero():
    zeros = np.zeros((4, 16, 20))
    pictures = heat_maps.overlay(FRAMES, zeros, heat_maps.common_scale([zeros]), "signed")
    np.testing.assert_array_equal(pictures, heat_maps.overlay(FRAMES, zeros, 1.0, "signed"))


def test_shown_values_are_magnitudes_positive_or_signed():
    values = np.array([[[-2.0, 3.0]]])
    assert heat_maps.shown(values, "absolute").tolist() == [[[2, 3]]]
    assert heat_maps.shown(values, "positive").tolist() == [[[0, 3]]]
    assert heat_maps.shown(values, "signed").tolist() == [[[-2, 3]]]


def test_patches_are_replaced_by_their_means_also_at_the_edges():
    values = np.random.default_rng(1).normal(size=(5, 9, 6))
    means = heat_maps.smooth(values, "patch", (2, 4, 4))
    np.testing.assert_allclose(means[:2, 4:8, :4], values[:2, 4:8, :4].mean())
    np.testing.assert_allclose(means[4, 8, 4:], values[4, 8, 4:].mean())
    np.testing.assert_allclose(means.sum(), values.sum())
    assert heat_maps.smooth(values, "none") is values


def test_a_blur_stays_within_its_frame():
    values = np.zeros((3, 64, 64), np.float32)
    values[1, 32, 32] = 1
    blurred = heat_maps.smooth(values, "blur")
    assert not blurred[[0, 2]].any()
    assert 0 < blurred[1, 32, 33] < blurred[1, 32, 32] < 1
    np.testing.assert_allclose(blurred.sum(), 1, rtol=1e-4)


def test_a_coarse_map_is_repeated_in_time_and_interpolated_in_space():
    values = np.arange(8.0).reshape(2, 2, 2)
    large = heat_maps.enlarge(values, (4, 8, 8))
    assert large.shape == (4, 8, 8)
    np.testing.assert_array_equal(large[0], large[1])
    np.testing.assert_array_equal(large[2], large[0] + 4)
    assert large[0, 0, 0] == 0
    assert large[0, -1, -1] == 3


def test_frames_of_a_model_share_a_scale_and_models_only_on_request():
    weak = np.zeros((4, 16, 20))
    weak[0], weak[1] = 1, 0.5
    clip = clip_of(explained("weak", weak), explained("strong", 10 * weak))
    style = Style(show="positive", smoothing="none")
    _, first, second = draw_strips(clip, style)
    np.testing.assert_array_equal(first.frames, second.frames)
    # The second frame has half the attribution, so it is fainter.
    np.testing.assert_array_equal(first.frames, heat_maps.overlay(FRAMES, weak, 1.0, "positive"))

    of_all = Style("positive", "none", "all")
    assert scale_of_all([clip], style) is None
    _, first, second = draw_strips(clip, of_all, scale_of_all([clip], of_all))
    np.testing.assert_array_equal(first.frames, heat_maps.overlay(FRAMES, weak, 10, "positive"))
    assert not np.array_equal(first.frames, second.frames)


def test_a_picture_has_the_clip_and_a_captioned_strip_for_each_map():
    values = np.random.default_rng(2).normal(size=(4, 16, 20))
    strips = draw_strips(clip_of(explained("ce", values, values)), Style())
    assert [strip.caption for strip in strips] == [
        "clip_1: wave",
        "ce: wave 90% | map 0",
        "ce: wave 90% | map 1",
    ]
    np.testing.assert_array_equal(strips[0].frames, FRAMES)
    pixels = picture(strips)
    # Frames of 16 x 20 pixels are enlarged five times; four of them make a row.
    assert pixels.shape == (3 * (80 + 22 + 10), 4 * 100 + 3 * 4 + 20, 3)
    row = pixels[5 + 22 : 5 + 22 + 80, 10:110]
    np.testing.assert_array_equal(row[::5, ::5], FRAMES[0])


def test_long_clips_show_eight_frames_from_the_first_to_the_last():
    frames = np.arange(32, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    (strip,) = draw_strips(ExplainedClip("a", "b", frames, ()), Style())
    assert strip.frames[:, 0, 0, 0].tolist() == [0, 4, 9, 13, 18, 22, 27, 31]


@pytest.mark.parametrize("scale", ["model", "all"])
def test_one_clip_is_in_memory_while_all_are_drawn(tmp_path, scale):
    alive = weakref.WeakSet()
    most = 0

    class Clips:
        """Makes each clip anew, like clips that are read from files."""

        def __iter__(self):
            nonlocal most
            for _ in range(5):
                clip = clip_of(explained("ce", np.ones((4, 16, 20))))
                alive.add(clip)
                most = max(most, len(alive))
                yield clip
                del clip

    attribution_page.publish(tmp_path, Clips(), [], Style(scale=scale))
    assert len(list(tmp_path.glob("clip_*.png"))) == 5
    assert (tmp_path / "attribution.html").read_text().count("<figure") == 5
    # The last one is released when the next one has been read.
    assert most <= 2


def test_a_picture_is_read_back_as_it_was_written(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (9, 7, 3), np.uint8)
    write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], pixels)
