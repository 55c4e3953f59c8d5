import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import mixup
from albar_jax.types import Batch

from .conftest import mixer

NUM_CLIPS = 6


def random_batch(valid=(1,) * NUM_CLIPS):
    rng = np.random.default_rng(0)
    video = rng.normal(size=(NUM_CLIPS, 3, 4, 5, 3)).astype(np.float32)
    scene = rng.dirichlet(np.ones(3), NUM_CLIPS).astype(np.float32)
    return Batch(
        jnp.asarray(video),
        jnp.eye(NUM_CLIPS),
        jnp.array(valid, jnp.float32),
        jnp.arange(NUM_CLIPS),
        scene=jnp.asarray(scene),
    )


mix = mixer(mixup.make)


def test_clip_scene_and_label_are_mixed_by_one_ratio_with_one_other_clip():
    batch = random_batch()
    video, scene = np.asarray(batch.video), np.asarray(batch.scene)

    for seed in range(5):
        mixed = mix(batch, seed, prob=1.0, alpha=2.0)
        target = np.asarray(mixed.target)
        ratios = np.diag(target)
        # One ratio for the batch.
        assert np.ptp(ratios) == 0
        partner = (target - np.diag(ratios)).argmax(axis=1)
        assert (partner != np.arange(NUM_CLIPS)).all()
        ratio = ratios[0]
        np.testing.assert_allclose(
            target, ratio * np.eye(NUM_CLIPS) + (1 - ratio) * np.eye(NUM_CLIPS)[partner]
        )
        np.testing.assert_allclose(
            mixed.video, ratio * video + (1 - ratio) * video[partner], rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            mixed.scene, ratio * scene + (1 - ratio) * scene[partner], rtol=1e-5
        )
        np.testing.assert_array_equal(mixed.index, batch.index)


def test_ratios_are_drawn_from_the_beta_distribution():
    batch = random_batch()
    ratios = np.array([np.asarray(mix(batch, seed, prob=1.0).target)[0, 0] for seed in range(300)])

    # Beta(0.2, 0.2): mean 1/2, variance 1/4 / 1.4 = 0.179; standard errors 0.024 and about 0.004.
    assert abs(ratios.mean() - 0.5) < 0.1
    assert abs(ratios.var() - 0.179) < 0.02


def test_clips_are_mixed_with_the_given_probability_and_the_others_are_untouched():
    batch = random_batch()
    changed = []

    for seed in range(200):
        mixed = mix(batch, seed, prob=0.25)
        changed.append((np.asarray(mixed.target) != np.eye(NUM_CLIPS)).any(axis=1))
        np.testing.assert_array_equal(mixed.video[~changed[-1]], batch.video[~changed[-1]])

    # 1,200 draws: 0.25 +- 4 sd of 0.0125, minus the ratios that round to 1.
    assert 0.18 < np.mean(changed) < 0.3
    np.testing.assert_array_equal(mix(batch, prob=0.0).video, batch.video)


def test_a_batch_of_one_has_nothing_to_mix():
    one = jax.tree.map(lambda array: array[:1], random_batch())
    mixed = mix(one, prob=1.0)
    np.testing.assert_array_equal(mixed.video, one.video)
    np.testing.assert_array_equal(mixed.target, one.target)


def test_wrong_options_are_refused():
    with pytest.raises(UserError, match="mixup.prob is -1"):
        mixup.make(prob=-1)
    with pytest.raises(UserError, match="mixup.alpha is 0"):
        mixup.make(alpha=0)
