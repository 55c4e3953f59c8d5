"""The step as a function: what it does with a batch, whatever the network."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from albar_jax.mesh import data_mesh
from albar_jax.methods import albar, ce
from albar_jax.train_step import init_state, make_train_step
from albar_jax.types import Batch, Outputs

METHODS = {"ce": ce.make(), "albar": albar.make(penalty_weight=1.0)}
PARAMS = {
    name: np.random.default_rng(1).normal(size=shape).astype(np.float32)
    for name, shape in {"inner": (3, 7), "outer": (7, 5)}.items()
}


def apply(params, video, key):
    features = jnp.tanh(video @ params["inner"]).mean((1, 2, 3))
    return Outputs(features @ params["outer"], features, running={"count": jnp.sum(video[:, 0, 0, 0, 0])})


def batch_of(count, invalid=()):
    rng = np.random.default_rng(0)
    valid = np.ones(count, np.float32)
    valid[list(invalid)] = 0
    video = rng.integers(256, size=(count, 4, 6, 6, 3), dtype=np.uint8)
    return Batch(jnp.asarray(video), jnp.eye(5)[np.arange(count) % 5], jnp.asarray(valid), jnp.arange(count))


def updated(method, batch, parts):
    step = make_train_step(apply, METHODS[method], optax.sgd(0.5), 0, data_mesh(), parts)
    return step(init_state(jax.tree.map(jnp.asarray, PARAMS), optax.sgd(0.5)), batch)


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_accumulated_over_parts_is_that_of_the_whole_batch(method, parts):
    """Clips 0 and 4 are in one part, so that parts have different numbers of valid clips."""
    batch = batch_of(8, invalid=(0, 4, 5))
    (whole, metrics), (accumulated, of_parts) = updated(method, batch, 1), updated(method, batch, parts)
    for name, before in PARAMS.items():
        change = np.asarray(whole.params[name]) - before
        assert np.abs(change).max() > 1e-3
        np.testing.assert_allclose(accumulated.params[name] - before, change, rtol=1e-4, atol=1e-6)
    for name, value in metrics.items():
        assert float(of_parts[name]) == pytest.approx(float(value), rel=1e-5), name


def test_an_unreadable_batch_adds_no_gradient_in_any_number_of_parts():
    for parts in (1, 2):
        state, _ = updated("albar", batch_of(4, invalid=range(4)), parts)
        for name, before in PARAMS.items():
            np.testing.assert_array_equal(state.params[name], before)


def test_running_statistics_are_those_of_the_moving_clips():
    batch = batch_of(4)
    state, _ = updated("albar", batch, 1)
    moving = updated("ce", batch, 1)[0].model_state
    np.testing.assert_array_equal(state.model_state["count"], moving["count"])
