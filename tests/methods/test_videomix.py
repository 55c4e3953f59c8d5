import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import videomix
from albar_jax.types import Batch

from .conftest import mixer

NUM_CLIPS, HEIGHT, WIDTH = 5, 9, 12


def numbered_batch():
    """Returns clips with the value 100 i + t in frame t of clip i; odd clips are all person."""
    rows = np.arange(NUM_CLIPS)
    values = 100.0 * rows[:, None] + np.arange(3)
    video = np.broadcast_to(
        values[:, :, None, None, None], (NUM_CLIPS, 3, HEIGHT, WIDTH, 3)
    ).astype(np.float32)
    mask = np.broadcast_to((rows % 2 == 1)[:, None, None, None], video.shape[:-1])
    return Batch(
        jnp.asarray(video),
        jnp.eye(NUM_CLIPS),
        jnp.ones(NUM_CLIPS),
        jnp.asarray(rows),
        person_mask=jnp.asarray(mask),
    )


mix = mixer(videomix.make)


def test_one_box_of_another_clip_is_in_all_frames_and_the_label_goes_by_its_area():
    batch = numbered_batch()
    boxes = 0

    for seed in range(10):
        mixed = mix(batch, seed, prob=1.0)
        # The clip that each pixel comes from; the remainder is its frame.
        source = np.asarray(mixed.video) // 100
        np.testing.assert_array_equal(np.asarray(mixed.video) % 100, np.asarray(batch.video) % 100)
        assert (source == source[:, :1, :, :, :1]).all()
        source = source[:, 0, :, :, 0].astype(int)
        inside = source[0] != 0
        # The same box for every clip.
        np.testing.assert_array_equal(inside, inside.any(axis=1)[:, None] & inside.any(axis=0))
        assert (np.diff(inside.any(axis=0).nonzero()[0]) == 1).all()
        np.testing.assert_array_equal(
            source != np.arange(NUM_CLIPS)[:, None, None], np.stack([inside] * NUM_CLIPS)
        )
        assert all(len(np.unique(clip[inside])) <= 1 for clip in source)
        areas = np.stack([(source == clip).mean(axis=(1, 2)) for clip in range(NUM_CLIPS)], axis=1)
        np.testing.assert_allclose(mixed.target, areas, atol=1e-6)
        np.testing.assert_array_equal(mixed.person_mask, np.stack([source % 2 == 1] * 3, axis=1))
        np.testing.assert_array_equal(mixed.index, np.arange(NUM_CLIPS))
        boxes += inside.any()

    # The smallest boxes round to nothing.
    assert boxes >= 8


def test_boxes_have_the_drawn_area_and_are_clipped_at_the_border():
    length, num_draws = 64, 4000
    draw = jax.jit(jax.vmap(lambda key: videomix.box(key, length, length, 1.0)))
    inside = np.asarray(draw(jax.random.split(jax.random.key(0), num_draws)))
    rng = np.random.default_rng(0)
    # Computed independently: uniform ratio in 0..1, uniform centre, half sides of whole pixels.
    half = (length * np.sqrt(1 - rng.uniform(size=num_draws))).astype(int) // 2
    centre = rng.integers(length, size=(2, num_draws))
    sides = np.minimum(centre + half, length) - np.maximum(centre - half, 0)
    expected = sides.prod(axis=0) / length**2

    # Each mean of 4,000 areas with sd 0.19 has a standard error of 0.003.
    assert abs(inside.mean() - expected.mean()) < 0.02
    assert abs(inside.mean(axis=(1, 2)).std() - expected.std()) < 0.02

    # A uniform centre covers the middle more often than the border, and left as often as right.
    across = inside.mean(axis=(0, 1))

    assert across[32] > 1.5 * across[0]
    np.testing.assert_allclose(across, across[::-1], atol=0.05)


def test_clips_are_mixed_with_the_given_probability():
    batch = numbered_batch()
    changed, possible = 0, 0
    for seed in range(200):
        is_same = (np.asarray(mix(batch, seed, prob=0.25).video) == np.asarray(batch.video)).all(
            axis=(1, 2, 3, 4)
        )
        has_box = (np.asarray(mix(batch, seed, prob=1.0).video) != np.asarray(batch.video)).any()
        changed += (~is_same).sum()
        possible += NUM_CLIPS * has_box

    assert possible > 800
    # At least 800 draws: 0.25 +- 4 sd of 0.015.
    assert 0.19 < changed / possible < 0.31


def test_a_batch_of_one_has_nothing_to_mix():
    one = jax.tree.map(lambda array: array[:1], numbered_batch())
    mixed = mix(one, prob=1.0)
    np.testing.assert_array_equal(mixed.video, one.video)
    np.testing.assert_array_equal(mixed.target, one.target)


def test_wrong_options_are_refused():
    with pytest.raises(UserError, match=r"videomix.prob is 1.5"):
        videomix.make(prob=1.5)
    with pytest.raises(UserError, match=r"videomix.alpha is -1"):
        videomix.make(alpha=-1)
