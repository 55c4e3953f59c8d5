"""Claim: one box and one resize per clip are the same as resize, crop and flip, for all frames."""

import numpy as np
import pytest

from albar_jax.data.transforms import (
    Crop,
    apply_crop,
    draw_crop,
    placed_crop,
    random_crop,
    squashed_crop,
)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Returns smooth random colours."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 7
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(0.2, 1.5, (3, 3))]
    return (127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def cropped(video: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    top, left, height, width = crop.box
    return apply_crop(video[:, top : top + height, left : left + width], crop, size=size)


def augmented(augment, video: np.ndarray, seed: int, *, short_side: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    crop = draw_crop(
        augment, *video.shape[1:3], short_side=short_side, size=size, place=0.5, rng=rng
    )
    return cropped(video, crop, size)


def linear_weights(source: int, target: int) -> np.ndarray:
    """Returns weights (target, source) of linear interpolation.

    Each target pixel's centre is between the centres of two source pixels, clamped at the edges.
    """
    centre = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(source)))


def area_weights(source: int, target: int) -> np.ndarray:
    """Returns weights (target, source) of area interpolation.

    A weight is the share of a source pixel in the interval of a target pixel.
    """
    edges = np.arange(target + 1)[:, None] * source / target
    overlap = np.minimum(edges[1:], np.arange(source) + 1) - np.maximum(
        edges[:-1], np.arange(source)
    )
    return np.maximum(0, overlap) * target / source


def resized(image, weights, size):
    rows, columns = weights(image.shape[0], size), weights(image.shape[1], size)
    return np.einsum("ih,jw,hwc->ijc", rows, columns, image.astype(float))


@pytest.mark.parametrize(
    ("crop", "weights"),
    [
        # Enlarged.
        (Crop(3, 5, 20, 30), linear_weights),
        # Shrunk by less than 1.5.
        (Crop(0, 0, 40, 36), linear_weights),
        # Shrunk by more.
        (Crop(2, 1, 60, 83), area_weights),
        # By whole pixels.
        (Crop(0, 0, 64, 96), area_weights),
    ],
)
@pytest.mark.parametrize("flip", [False, True])
def test_crop_is_slice_resize_and_flip(crop, weights, flip):
    video = np.stack([picture(64, 96, seed) for seed in range(3)])
    out = cropped(video, Crop(*crop.box, flip), 32)
    assert out.shape == (3, 32, 32, 3)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    for frame, result in zip(video, out, strict=True):
        box = frame[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        expected = resized(box, weights, 32)
        expected = expected[:, ::-1] if flip else expected
        # cv2 rounds in fixed point.
        assert np.abs(result - expected).max() <= 1.01


def test_box_of_the_wanted_size_is_copied_exactly():
    video = picture(40, 50)[None]
    np.testing.assert_array_equal(cropped(video, Crop(4, 6, 32, 32), 32), video[:, 4:36, 6:38])
    np.testing.assert_array_equal(
        cropped(video, Crop(4, 6, 32, 32, flip=True), 32), video[:, 4:36, 37:5:-1]
    )


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        # Unscaled: the centre.
        (256, 340, Crop(16, 58, 224, 224)),
        # Scaled to 256 x 341: 224 pixels are 210 source pixels.
        (240, 320, Crop(15, 54, 210, 210)),
        (512, 1024, Crop(32, 288, 448, 448)),
        (340, 256, Crop(58, 16, 224, 224)),
    ],
)
def test_centre_crop(height, width, expected):
    assert placed_crop(height, width, short_side=256, size=224) == expected


def test_a_placed_crop_slides_along_the_long_side_only():
    wide = [placed_crop(256, 512, short_side=256, size=224, place=place) for place in (0, 0.5, 1)]
    assert [(crop.top, crop.left) for crop in wide] == [(16, 0), (16, 144), (16, 288)]
    tall = [placed_crop(512, 256, short_side=256, size=224, place=place) for place in (0, 0.5, 1)]
    assert [(crop.top, crop.left) for crop in tall] == [(0, 16), (144, 16), (288, 16)]


def test_centre_crop_of_a_small_world_is_the_whole_picture():
    video = np.stack([picture(32, 32, seed) for seed in range(2)])
    out = augmented("none", video, 0, short_side=32, size=32)
    np.testing.assert_array_equal(out, video)


@pytest.mark.parametrize(
    ("height", "width", "largest"), [(256, 256, 1), (240, 320, 1), (720, 480, 8 / 9)]
)
def test_random_crops_have_the_stated_areas_and_ratios(height, width, largest):
    rng = np.random.default_rng(0)
    crops = [random_crop(height, width, short_side=256, rng=rng) for _ in range(2000)]
    area = np.array([crop.height * crop.width for crop in crops]) / (height * width)
    ratio = np.array([crop.width / crop.height for crop in crops])
    assert 0.078 < area.min() < 0.1
    assert 0.9 * largest < area.max() < largest + 0.01
    assert 0.73 < ratio.min() < 0.78
    assert 1.28 < ratio.max() < 1.36
    # Log-uniform around the square.
    assert abs(np.log(ratio).mean()) < 0.03
    assert np.mean([crop.flip for crop in crops]) == pytest.approx(0.5, abs=0.04)
    assert all(crop.top >= 0 and crop.top + crop.height <= height for crop in crops)
    assert all(crop.left >= 0 and crop.left + crop.width <= width for crop in crops)
    # Boxes are uniform over all possible positions, in both directions.
    for place, room in (
        ("top", [height - c.height for c in crops]),
        ("left", [width - c.width for c in crops]),
    ):
        share = np.array(
            [getattr(c, place) / r for c, r in zip(crops, room, strict=True) if r > 20]
        )
        assert share.mean() == pytest.approx(0.5, abs=0.03)
        assert share.std() == pytest.approx(12**-0.5, abs=0.03)


def test_small_areas_are_as_likely_as_large_ones():
    """Area is uniform where every box fits: below 3/4 of a square."""
    rng = np.random.default_rng(1)
    crops = [random_crop(256, 256, short_side=256, rng=rng) for _ in range(4000)]
    area = np.array([crop.height * crop.width for crop in crops]) / 256**2
    counts, _ = np.histogram(area, bins=[0.1, 0.3, 0.5, 0.7])
    assert counts.max() / counts.min() < 1.15


def test_no_box_fits_a_ribbon_so_the_largest_centre_box_is_taken():
    rng = np.random.default_rng(0)
    crop = random_crop(20, 4000, short_side=20, rng=rng)
    assert (crop.top, crop.left, crop.height, crop.width) == (0, 1986, 20, 27)
    crop = random_crop(4000, 20, short_side=20, rng=rng)
    assert (crop.top, crop.left, crop.height, crop.width) == (1986, 0, 27, 20)


@pytest.mark.parametrize("name", ["crop_flip", "roll", "none"])
def test_all_frames_get_the_same(name):
    """A static film stays static, and only the generator determines what is drawn."""
    video = np.repeat(picture(50, 60)[None], 4, axis=0)
    results = []
    for seed in range(6):
        out = augmented(name, video, seed, short_side=48, size=32)
        again = augmented(name, video, seed, short_side=48, size=32)
        assert out.shape == (4, 32, 32, 3)
        np.testing.assert_array_equal(out, again)
        np.testing.assert_array_equal(out, np.repeat(out[:1], 4, axis=0))
        results.append(out.tobytes())
    assert len(set(results)) == (1 if name == "none" else 6)


def test_a_roll_wraps_in_both_directions():
    video = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(1, 8, 8, 3)
    shifts = set()
    for seed in range(400):
        out = augmented("roll", video, seed, short_side=8, size=8)
        place = int(np.argwhere((out[0] == video[0, 0, 0]).all(-1))[0] @ [8, 1])
        np.testing.assert_array_equal(out[0], np.roll(video[0], divmod(place, 8), axis=(0, 1)))
        shifts.add(place)
    assert len(shifts) == 64


@pytest.mark.parametrize("shape", [(64, 96), (130, 50)])
def test_squashed_boxes_are_uniform_windows_of_the_squared_picture_and_half_are_flipped(
    shape,
):
    height, width = shape
    rng = np.random.default_rng(0)
    crops = [squashed_crop(height, width, short_side=32, size=24, rng=rng) for _ in range(500)]
    assert {(c.height, c.width) for c in crops} == {
        (round(height * 24 / 32), round(width * 24 / 32))
    }
    assert {c.top for c in crops} == {round(top * height / 32) for top in range(9)}
    assert {c.left for c in crops} == {round(left * width / 32) for left in range(9)}
    assert 200 < sum(c.flip for c in crops) < 300
    # Both directions are drawn independently.
    assert len({(c.top, c.left) for c in crops}) > 60
    video = np.stack([picture(*shape)])
    assert np.array_equal(
        augmented("squash_flip", video, 3, short_side=32, size=24),
        cropped(
            video, squashed_crop(*shape, short_side=32, size=24, rng=np.random.default_rng(3)), 24
        ),
    )


@pytest.mark.parametrize(("height", "width"), [(333, 500), (500, 333), (224, 224)])
def test_a_squashed_picture_shows_seven_eighths_of_both_sides(height, width):
    """This is group_DRO's transform: 256 x 256 of any shape, then the centre 224.

    ALBAR's Waterbirds uses it.
    """
    crop = placed_crop(height, width, short_side=256, size=224, shape="square")
    assert crop.height == pytest.approx(0.875 * height, abs=0.5)
    assert crop.width == pytest.approx(0.875 * width, abs=0.5)
    assert 2 * crop.top + crop.height == pytest.approx(height, abs=1)
    assert 2 * crop.left + crop.width == pytest.approx(width, abs=1)
    unsquashed = placed_crop(333, 500, short_side=256, size=224)
    # Of 500: 58 %.
    assert unsquashed.width == 292


def test_a_picture_squashed_to_the_size_of_the_clip_is_seen_whole():
    """StillMix tests Confl-FG in this way."""
    assert placed_crop(240, 320, short_side=224, size=224, shape="square") == Crop(0, 0, 240, 320)


def test_random_crops_of_a_squashed_picture_reach_all_of_it():
    rng = np.random.default_rng(0)
    options = {"short_side": 256, "size": 224, "place": 0.5, "rng": rng}
    unsquashed = [draw_crop("crop_flip", 720, 240, **options) for _ in range(300)]
    squashed = [draw_crop("crop_flip", 720, 240, shape="square", **options) for _ in range(300)]
    assert max(crop.height for crop in squashed) > 600
    assert max(crop.height for crop in unsquashed) < 330
