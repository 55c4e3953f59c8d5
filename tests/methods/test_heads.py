"""Tests of the additional heads of methods on a network."""

import jax
import jax.numpy as jnp
import numpy as np

from albar_jax.methods.base import Head
from albar_jax.methods.heads import HEADS, with_heads
from albar_jax.types import Outputs

FEATURES = 5


def network(weights, video, key):
    """A network whose logits are the number of its weights, and whose features are clip means."""
    features = jnp.broadcast_to(video.mean((1, 2, 3, 4))[:, None], (video.shape[0], FEATURES))
    return Outputs(jnp.full((video.shape[0], 2), float(len(weights))), features * weights["scale"])


def drawn_head(width):
    return Head(
        lambda key, d: {"kernel": jax.random.normal(key, (d, width))},
        lambda params, x: x @ params["kernel"],
    )


WEIGHTS = {"scale": jnp.array(2.0)}
VIDEO = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2, 4, 4, 3)), jnp.float32)


def test_heads_answer_on_the_pooled_features_and_learn():
    heads = {"scene": drawn_head(4), "actor": drawn_head(4)}
    apply, weights = with_heads(network, WEIGHTS, heads, jax.random.key(0), FEATURES)
    outputs = apply(weights, VIDEO, jax.random.key(1))

    assert {name: answer.shape for name, answer in outputs.heads.items()} == {
        "scene": (3, 4),
        "actor": (3, 4),
    }

    expected = np.asarray(outputs.features) @ np.asarray(weights[HEADS]["scene"]["kernel"])

    np.testing.assert_allclose(outputs.heads["scene"], expected, rtol=1e-5)
    assert not np.array_equal(weights[HEADS]["scene"]["kernel"], weights[HEADS]["actor"]["kernel"])

    gradient = jax.grad(
        lambda weights: apply(weights, VIDEO, jax.random.key(1)).heads["actor"].sum()
    )(weights)

    assert np.abs(gradient[HEADS]["actor"]["kernel"]).min() > 0
    assert np.abs(gradient["scale"]) > 0


def test_the_network_sees_its_own_weights_only_and_evaluation_needs_no_heads():
    apply, weights = with_heads(
        network, WEIGHTS, {"scene": drawn_head(4)}, jax.random.key(0), FEATURES
    )

    np.testing.assert_array_equal(apply(weights, VIDEO, jax.random.key(1)).logits, 1.0)
    for given in (weights, WEIGHTS):
        outputs = apply(given, VIDEO, None)
        np.testing.assert_array_equal(outputs.logits, 1.0)
        assert outputs.heads == {}


def test_without_heads_nothing_changes():
    apply, weights = with_heads(network, WEIGHTS, {}, jax.random.key(0), FEATURES)
    assert apply is network
    assert weights is WEIGHTS
