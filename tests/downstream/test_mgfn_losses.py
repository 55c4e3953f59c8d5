"""The oddities of MGFN's losses and selection, and their switches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.downstream.mgfn.losses import (
    binary_cross_entropy,
    contrast,
    distance,
    mgfn_loss,
)
from albar_jax.downstream.mgfn.selection import Picks, draw_masks, pick

RNG = np.random.default_rng(0)


def picks(by_crop):
    """Returns the picks of features (crops, b, k, d)."""
    crops, b, k, d = by_crop.shape
    return Picks(jnp.full(b, 0.5), jnp.asarray(by_crop.reshape(crops * b, k, d)))


def magnitudes(features):
    return np.abs(features).sum(-1)


def test_rows_of_ten_equal_crops_have_no_contrast_and_videos_have():
    crop = RNG.normal(size=(1, 4, 3, 8)).astype(np.float32)
    equal_crops = picks(np.repeat(crop, 10, axis=0))

    assert contrast(equal_crops, "rows") < 1e-10
    assert contrast(equal_crops, "videos") > 0.1


def test_rows_of_ten_crops_are_pairs_of_crops_of_one_video():
    features = RNG.normal(size=(10, 4, 3, 8)).astype(np.float32)
    sums = magnitudes(features)
    expected = np.mean(np.linalg.norm(sums[5:] - sums[:5] + 1e-6, axis=-1) ** 2)
    assert np.isclose(contrast(picks(features), "rows"), expected, rtol=1e-5)


@pytest.mark.parametrize("pairs", ["rows", "videos"])
def test_one_crop_compares_videos_of_both_halves(pairs):
    features = RNG.normal(size=(1, 6, 3, 8)).astype(np.float32)
    sums = magnitudes(features[0])
    expected = np.mean(np.linalg.norm(sums[3:] - sums[:3] + 1e-6, axis=-1) ** 2)
    assert np.isclose(contrast(picks(features), pairs), expected, rtol=1e-5)


def test_current_smoothness_stays_within_videos_and_the_old_one_crosses_their_borders():
    # Constant within each video.
    scores = jnp.asarray([[0.0] * 4, [0.0] * 4, [0.25] * 4, [0.75] * 4])
    one = picks(RNG.normal(size=(1, 2, 3, 8)).astype(np.float32))

    current = mgfn_loss(scores, one, one, losses="current")[1]
    before = mgfn_loss(scores, one, one, losses="before2023")[1]
    assert current["loss/smooth"] == 0
    assert np.isclose(before["loss/smooth"], 8e-4 * 0.25)
    # The current sparsity is of normal scores, the old one of abnormal scores.
    assert current["loss/sparse"] == 0
    assert np.isclose(before["loss/sparse"], 8e-3 * np.linalg.norm([0.25] * 4 + [0.75] * 4))


def test_saturated_scores_have_a_finite_loss_and_gradient():
    def loss(logits):
        scores = jax.nn.sigmoid(logits)
        return binary_cross_entropy(scores[:1], scores[1:])

    value, gradient = jax.value_and_grad(loss)(jnp.asarray([200.0, -200.0]))
    assert value == 100
    assert np.isfinite(gradient).all()


def test_equal_features_have_a_finite_gradient():
    gradient = jax.grad(lambda u: distance(u, jnp.ones(3)))(jnp.ones(3))
    assert np.isfinite(gradient).all()


def test_selection_is_shared_by_crops_and_rows_are_crop_major():
    features = RNG.normal(size=(2, 3, 5, 4)).astype(np.float32)
    scores = jnp.asarray(RNG.uniform(size=(2, 5)).astype(np.float32))
    mask = jnp.asarray([[1, 0, 1, 1, 1], [0, 1, 1, 1, 0]], jnp.float32)
    chosen = pick(scores, jnp.asarray(features), mask, 3)

    products = np.linalg.norm(features, axis=-1).mean(1) * np.asarray(mask)
    index = np.argsort(-products, axis=1)[:, :3]
    for crop in range(3):
        for video in range(2):
            expected = features[video, crop, index[video]]
            assert np.array_equal(chosen.features[crop * 2 + video], expected)
    expected = np.take_along_axis(np.asarray(scores), index, 1).mean(1)
    assert np.allclose(chosen.score, expected)


def test_a_video_with_fewer_rows_than_are_selected_gives_all():
    features = jnp.asarray(RNG.normal(size=(1, 1, 2, 4)))
    chosen = pick(jnp.asarray([[0.2, 0.4]]), features, jnp.ones((1, 2)), 3)
    assert np.isclose(chosen.score[0], 0.3)
    assert chosen.features.shape == (1, 2, 4)


def test_masks_keep_their_share_with_the_inverse_weight():
    masks = np.asarray(draw_masks(jax.random.key(0), (200, 50), 0.7))
    assert set(np.unique(masks)) == {np.float32(0), np.float32(1 / (1 - 0.7))}
    assert np.allclose((masks > 0).mean((1, 2)), 0.3, atol=0.02)
    # Each class has its own mask.
    assert not np.array_equal(masks[0], masks[1])
