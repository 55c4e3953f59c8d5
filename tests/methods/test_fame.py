import colorsys
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from albar_jax.errors import UserError
from albar_jax.methods import fame
from albar_jax.methods.pixels import MEAN, STD
from albar_jax.types import Batch

from .conftest import mixer

NUM_CLIPS, NUM_FRAMES, SIZE = 4, 5, 40


def normalised(pixels):
    return jnp.asarray((pixels - np.array(MEAN)) / np.array(STD), jnp.float32)


@functools.cache
def random_pixels():
    """Returns smooth random colours whose change in time differs between places."""
    rng = np.random.default_rng(0)
    still = ndimage.gaussian_filter(rng.normal(size=(NUM_CLIPS, 1, SIZE, SIZE, 3)), (0, 0, 3, 3, 0))
    moving = ndimage.gaussian_filter(
        rng.normal(size=(NUM_CLIPS, NUM_FRAMES, SIZE, SIZE, 3)), (0, 0, 3, 3, 0)
    )
    pixels = still + moving * np.linspace(0, 1, SIZE)[:, None, None]
    return (pixels - pixels.min()) / np.ptp(pixels)


def random_batch(valid=(1,) * NUM_CLIPS):
    video = normalised(random_pixels())
    mask = np.random.default_rng(1).random(video.shape[:-1]) < 0.5
    scene = np.random.default_rng(2).dirichlet(np.ones(3), NUM_CLIPS)
    return Batch(
        video,
        jnp.eye(NUM_CLIPS),
        jnp.array(valid, jnp.float32),
        jnp.arange(NUM_CLIPS),
        person_mask=jnp.asarray(mask),
        scene=jnp.asarray(scene, jnp.float32),
    )


mix = mixer(fame.make)
foreground = jax.jit(fame.foreground, static_argnums=1)


def published_likeness(pixels):
    """Returns the refined likeness map of one clip, step by step in float64.

    The largest values are the foreground. `pixels` are RGB in 0..1.
    """
    size = int(0.1 * SIZE) // 2 * 2 + 1
    kernel = np.array(
        [math.exp(-((i - size // 2) ** 2) / (2 * (size / 3) ** 2)) for i in range(size)]
    )

    # The mode "mirror" of scipy is the mode "reflect" of torch.
    def blurred(image):
        for axis in (0, 1):
            image = ndimage.correlate1d(image, kernel / kernel.sum(), axis, mode="mirror")
        image = image - image.min()
        return image / (image.max() + 1e-8)

    motion = blurred(np.abs(pixels[:-1] - pixels[1:]).sum(axis=-1).mean(axis=0))
    colours = np.zeros((SIZE, SIZE), int)
    for row, column in np.ndindex(SIZE, SIZE):
        # The hue is in 0..1.
        hue, saturation, value = colorsys.rgb_to_hsv(*pixels[:, row, column].mean(axis=0))
        x, y = ((saturation * part(2 * math.pi * hue) + 1) / 2 for part in (math.cos, math.sin))
        h, s, v = (round(place * 9 + 1) for place in (x, y, value))
        colours[row, column] = h + (s - 1) * 10 + (v - 1) * 100

    order = np.argsort(motion.ravel())
    fg = np.bincount(colours.ravel()[order[-int(0.5 * SIZE**2) :]], minlength=1000)
    bg = np.bincount(colours.ravel()[order[: int(0.1 * SIZE**2)]], minlength=1000) + 1
    fg, bg = fg / fg.sum(), bg / bg.sum()
    return blurred(fg[colours] / (fg[colours] + bg[colours]))


@pytest.mark.parametrize("beta", [0.5, 0.3])
def test_the_foreground_is_what_the_published_steps_find(beta):
    pixels = random_pixels()
    predicted = np.asarray(foreground(normalised(pixels), beta))

    for clip in range(NUM_CLIPS):
        likeness = published_likeness(pixels[clip])
        count = int(beta * SIZE**2)
        assert predicted[clip].sum() == count
        limit = np.sort(likeness.ravel())[-count]
        # The other pixels are ties up to rounding errors.
        decided = np.abs(likeness - limit) > 1e-5
        assert decided.mean() > 0.95
        np.testing.assert_array_equal(predicted[clip][decided], (likeness > limit)[decided])


def test_the_pixels_of_another_clip_stand_behind_the_foreground():
    batch = random_batch()
    video, mask = np.asarray(batch.video), np.asarray(batch.person_mask)
    front = np.asarray(foreground(batch.video, 0.5))

    for seed in range(3):
        merged = mix(batch, seed, prob=1.0)
        for clip in range(NUM_CLIPS):
            others = [np.where(front[clip][None, ..., None], video[clip], other) for other in video]
            matches = [
                index
                for index in range(NUM_CLIPS)
                if np.array_equal(others[index], merged.video[clip])
            ]
            assert len(matches) == 1
            assert matches[0] != clip
            np.testing.assert_array_equal(
                merged.person_mask[clip], np.where(front[clip], mask[clip], mask[matches[0]])
            )
            np.testing.assert_array_equal(merged.scene[clip], batch.scene[matches[0]])
        np.testing.assert_array_equal(merged.target, batch.target)
        np.testing.assert_array_equal(merged.index, batch.index)


def test_clips_are_merged_with_the_given_probability_and_the_others_are_untouched():
    batch = random_batch()
    changed = []

    for seed in range(30):
        merged = mix(batch, seed)
        changed.append((np.asarray(merged.video) != np.asarray(batch.video)).any(axis=(1, 2, 3, 4)))
        np.testing.assert_array_equal(merged.scene[~changed[-1]], batch.scene[~changed[-1]])

    # 120 draws: 0.5 +- 4 sd of 0.046.
    assert 0.32 < np.mean(changed) < 0.68
    np.testing.assert_array_equal(mix(batch, prob=0.0).video, batch.video)


def test_a_mover_of_its_own_colours_is_found_before_a_still_background():
    pixels = np.full((1, NUM_FRAMES, SIZE, SIZE, 3), (0.2, 0.6, 0.2))
    pixels[:, :, :, 20:] = (0.2, 0.2, 0.6)
    mover = (0.8, 0.1, 0.1) + 0.2 * np.random.default_rng(0).random((16, 16, 3))
    for frame in range(NUM_FRAMES):
        pixels[0, frame, 12:28, 10 + frame : 26 + frame] = mover

    predicted = np.asarray(foreground(normalised(pixels), 0.15))[0]
    swept = np.zeros((SIZE, SIZE), bool)
    swept[12:28, 10:30] = True

    assert predicted.sum() == 240
    assert predicted[swept].sum() == 240


def test_where_nothing_moves_every_pixel_counts_the_same():
    """The still pixels share their seeds equally, whatever their order in memory."""
    motion = jnp.zeros(900).at[:100].set(1.0 + jnp.arange(100))
    colour = jnp.where(jnp.arange(900) < 100, 7, jnp.where(jnp.arange(900) < 500, 20, 30))
    likeness = np.asarray(fame.foreground_likeness(motion, colour))
    # Of 450 foreground seeds, 100 move, and 800 ties share the other 350. The same ties share the
    # 90 background seeds.
    p_fg = np.array([100, 400 * 350 / 800, 400 * 350 / 800]) / 450
    p_bg = np.array([1, 400 * 90 / 800 + 1, 400 * 90 / 800 + 1]) / (90 + 1000)

    np.testing.assert_allclose(likeness[[0, 200, 700]], p_fg / (p_fg + p_bg), rtol=1e-5)


def test_the_first_ties_at_the_limit_are_foreground():
    plain = normalised(np.full((1, 2, 16, 16, 3), 0.5))
    np.testing.assert_array_equal(foreground(plain, 0.3).ravel(), np.arange(256) < int(0.3 * 256))


def test_greys_have_no_hue():
    greys = jnp.array([[0.0] * 3, [0.5] * 3, [1.0] * 3])
    # The middle of the disc.
    np.testing.assert_array_equal(fame.colour_bins(greys), [55, 555, 955])


def test_hues_a_radian_apart_are_different_colours():
    """The published code multiplies radians by 2 pi, so hues 57 degrees apart coincide."""
    hues = (0.1, 0.1 + 1 / (2 * math.pi))
    one, two = fame.colour_bins(jnp.array([colorsys.hsv_to_rgb(hue, 1.0, 1.0) for hue in hues]))
    assert one != two


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("num_frames", [1, 3])
def test_a_clip_without_motion_or_colour_is_merged_to_finite_pixels(value, num_frames):
    video = jnp.stack(
        [normalised(np.full((num_frames, 16, 16, 3), shade)) for shade in (value, 0.3)]
    )
    merged = mix(Batch(video, jnp.eye(2), jnp.array([0.0, 1.0]), jnp.arange(2)), prob=1.0)

    assert np.isfinite(merged.video).all()
    # The other clip is unreadable.
    np.testing.assert_array_equal(merged.video[1], video[1])


def test_a_batch_of_one_has_nothing_to_mix():
    one = jax.tree.map(lambda array: array[:1], random_batch())
    np.testing.assert_array_equal(mix(one, prob=1.0).video, one.video)


def test_wrong_options_are_refused():
    with pytest.raises(UserError, match=r"fame.prob is 1.5"):
        fame.make(prob=1.5)
    with pytest.raises(UserError, match=r"fame.beta is 1"):
        fame.make(beta=1)
