import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import actorcutmix
from albar_jax.types import Batch

from .conftest import mixer

CLASSES, SCENES = 7, 3
# Frames, rows and columns of a mask.
SHAPE = (4, 5, 6)


def random_batch(num_clips=6):
    rng = np.random.default_rng(0)
    return Batch(
        jnp.asarray(rng.normal(size=(num_clips, *SHAPE, 3)), jnp.float32),
        jnp.asarray(rng.dirichlet(np.ones(CLASSES), num_clips), jnp.float32),
        jnp.ones(num_clips),
        jnp.arange(num_clips),
        person_mask=jnp.asarray(rng.random((num_clips, *SHAPE)) < rng.random((num_clips, 1, 1, 1))),
        scene=jnp.asarray(rng.dirichlet(np.ones(SCENES), num_clips), jnp.float32),
    )


mix = mixer(actorcutmix.make, prob=1.0)


def published(batch, rows):
    """Applies the published formulas to the given rows, clip by clip."""
    video, target = np.array(batch.video), np.array(batch.target)
    for i in rows:
        partner = len(video) - 1 - i
        own, other = np.asarray(batch.person_mask[i]), np.asarray(batch.person_mask[partner])
        for place in np.ndindex(own.shape):
            if not own[place]:
                video[i][place] = 0 if other[place] else batch.video[partner][place]
        weight = 1 - (1 - own.mean()) ** 4
        target[i] = weight * batch.target[i] + (1 - weight) * batch.target[partner]

    return video, target


def assert_mixed(mixed, batch, rows):
    video, target = published(batch, rows)

    np.testing.assert_array_equal(mixed.video, video)
    np.testing.assert_allclose(mixed.target, target, atol=1e-6)
    for name in ("valid", "index", "person_mask"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(batch, name))

    untouched = np.setdiff1d(np.arange(len(video)), rows)

    np.testing.assert_allclose(mixed.target[untouched], batch.target[untouched], atol=1e-6)


def test_persons_are_put_before_the_background_of_the_clip_at_the_mirrored_row():
    batch = random_batch()

    assert_mixed(mix(batch), batch, range(6))

    # Where only the partner has a person, the result is the mean colour, 0.
    only_other = np.asarray(batch.person_mask[::-1] & ~batch.person_mask)

    assert only_other.any()
    assert (np.asarray(mix(batch).video)[only_other] == 0).all()


def test_the_scene_is_that_of_the_background():
    batch = random_batch(5)
    mixed = mix(batch)

    np.testing.assert_array_equal(mixed.scene, batch.scene[::-1])
    assert mix(dataclasses.replace(batch, scene=None)).scene is None
    np.testing.assert_array_equal(mix(batch, prob=0.0).scene, batch.scene)


def test_the_middle_clip_of_an_odd_number_and_a_batch_of_one_stay():
    batch = random_batch(5)
    assert_mixed(mix(batch), batch, [0, 1, 3, 4])
    one = random_batch(1)
    assert_mixed(mix(one), one, [])


@pytest.mark.parametrize("everywhere", [False, True])
def test_clips_all_person_or_without_any_stay_and_so_do_their_partners(everywhere):
    batch = random_batch()
    mask = batch.person_mask.at[1].set(everywhere)
    batch = dataclasses.replace(batch, person_mask=mask)

    assert_mixed(mix(batch), batch, [0, 2, 3, 5])

    # A single pixel makes the difference.
    batch = dataclasses.replace(batch, person_mask=mask.at[1, 2, 3, 4].set(not everywhere))

    assert_mixed(mix(batch), batch, range(6))


def test_unreadable_clips_and_their_partners_stay():
    batch = dataclasses.replace(random_batch(), valid=jnp.array([1.0, 1, 1, 1, 0, 1]))
    assert_mixed(mix(batch), batch, [0, 2, 3, 5])


def test_each_clip_is_mixed_with_the_given_probability():
    batch = random_batch()
    touched = []
    for seed in range(200):
        mixed = mix(batch, seed, prob=0.25)
        rows = np.flatnonzero(
            (np.asarray(mixed.video) != np.asarray(batch.video)).any(axis=(1, 2, 3, 4))
        )
        touched.append(np.isin(np.arange(6), rows))
        if seed < 5:
            assert_mixed(mixed, batch, rows)

    # 1,200 draws: 0.25 +- 4 sd of 0.0125.
    assert 0.2 < np.mean(touched) < 0.3
    # Drawn once per batch, it would be 0.43.
    assert 0 < np.std(np.mean(touched, axis=1)) < 0.3
    np.testing.assert_array_equal(mix(batch, prob=0.0).video, batch.video)


def test_it_needs_masks_and_a_probability():
    assert set(actorcutmix.make().needs) == {"person_mask"}
    with pytest.raises(UserError, match=r"actorcutmix.prob is -0.5"):
        actorcutmix.make(prob=-0.5)
