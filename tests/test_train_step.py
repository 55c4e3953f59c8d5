"""Claims about the training step with a minimal network."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from albar_jax.methods import METHODS as ALL
from albar_jax.methods import albar, ce, combine
from albar_jax.parallel.mesh import data_mesh, replicated, split_batch
from albar_jax.train.step import init_state, make_train_step
from albar_jax.types import Batch, Outputs

METHODS = {
    "ce": ce.make(),
    "albar": albar.make(penalty_weight=1.0),
    "albar, short and bounded": albar.make(
        penalty_weight=1.0, static_frames=2, adversarial="one_minus_p"
    ),
}
PARAMS = {
    name: np.random.default_rng(1).normal(size=shape).astype(np.float32)
    for name, shape in {"inner": (3, 7), "outer": (7, 5)}.items()
}


def apply(params, video, key):
    features = jnp.tanh(video @ params["inner"]).mean((1, 2, 3))
    return Outputs(
        features @ params["outer"], features, batch_stats={"count": jnp.sum(video[:, 0, 0, 0, 0])}
    )


def batch_of(count, invalid=()):
    rng = np.random.default_rng(0)
    valid = np.ones(count, np.float32)
    valid[list(invalid)] = 0
    video = rng.integers(256, size=(count, 4, 6, 6, 3), dtype=np.uint8)

    return Batch(
        jnp.asarray(video), jnp.eye(5)[np.arange(count) % 5], jnp.asarray(valid), jnp.arange(count)
    )


def updated(method, batch, steps):
    """Runs one training step, with gradient accumulation over `steps` microbatches."""
    step = make_train_step(apply, METHODS[method], optax.sgd(0.5), 0, data_mesh(), steps)
    return step(init_state(jax.tree.map(jnp.asarray, PARAMS), optax.sgd(0.5)), batch)


@pytest.mark.parametrize("steps", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_an_accumulated_gradient_equals_the_gradient_of_the_whole_batch(method, steps):
    """Clips 0 and 4 are in one microbatch, so the numbers of valid clips differ."""
    batch = batch_of(8, invalid=(0, 4, 5))
    whole, metrics = updated(method, batch, 1)
    accumulated, accumulated_metrics = updated(method, batch, steps)

    for name, before in PARAMS.items():
        change = np.asarray(whole.params[name]) - before
        assert np.abs(change).max() > 1e-3
        np.testing.assert_allclose(accumulated.params[name] - before, change, rtol=1e-4, atol=1e-6)

    for name, value in metrics.items():
        assert float(accumulated_metrics[name]) == pytest.approx(float(value), rel=1e-5), name


def test_an_unreadable_batch_adds_no_gradient_with_any_number_of_microbatches():
    for steps in (1, 2):
        state, _ = updated("albar", batch_of(4, invalid=range(4)), steps)
        for name, before in PARAMS.items():
            np.testing.assert_array_equal(state.params[name], before)


def test_batch_statistics_come_from_the_moving_clips():
    batch = batch_of(4)
    state, _ = updated("albar", batch, 1)
    moving = updated("ce", batch, 1)[0].model_state
    np.testing.assert_array_equal(state.model_state["count"], moving["count"])


MIXING = [name for name, make in ALL.items() if make().loss is None]
TERMS = ("loss/adversarial", "loss/entropy", "loss/gradient_penalty")


def static_terms(*methods, steps=1):
    """Returns ALBAR's terms of the static clips in the first of two steps.

    The step is compiled ahead of time, as in the training loop.
    """

    def without_statistics(params, video, key):
        return dataclasses.replace(apply(params, video, key), batch_stats={})

    batch = batch_of(8, invalid=(3,))
    batch = dataclasses.replace(
        batch, person_mask=jnp.arange(4 * 36).reshape(4, 6, 6)[None].repeat(8, 0) % 5 < 2
    )
    mesh = data_mesh()
    step = make_train_step(without_statistics, combine(*methods), optax.sgd(0.5), 0, mesh, steps)
    state = jax.device_put(
        init_state(jax.tree.map(jnp.asarray, PARAMS), optax.sgd(0.5)), replicated(mesh)
    )
    batch = jax.device_put(batch, split_batch(mesh))
    compiled = step.lower(state, batch).compile()
    state, metrics = compiled(state, batch)
    compiled(state, batch)

    return {name: float(metrics[name]) for name in TERMS}


@functools.cache
def terms_of_clean_clips():
    return static_terms(albar.make())


@pytest.mark.parametrize(
    ("name", "memory"), [*((name, "linearize") for name in MIXING), ("stillmix", "two_pass")]
)
def test_the_static_clips_of_clean_clips_are_those_without_the_mixing_method(name, memory):
    """ALBAR's released code makes static clips from clean clips.

    The network has no randomness, so equal clips give equal terms.
    """
    clean = static_terms(ALL[name](prob=1.0), albar.make(static_of="clean", memory=memory))
    assert clean == pytest.approx(terms_of_clean_clips(), rel=1e-5)


def test_the_static_clips_of_mixed_clips_differ():
    mixed = static_terms(ALL["stillmix"](prob=1.0), albar.make())
    assert mixed["loss/adversarial"] != pytest.approx(
        terms_of_clean_clips()["loss/adversarial"], rel=1e-3
    )


def test_clean_static_clips_are_the_same_with_any_number_of_microbatches():
    methods = ALL["mixup"](prob=1.0), albar.make(static_of="clean")
    assert static_terms(*methods, steps=4) == pytest.approx(static_terms(*methods), rel=1e-5)


def test_nothing_is_kept_for_clean_static_clips_where_nothing_is_mixed():
    assert not combine(albar.make(static_of="clean")).keeps_clean
    assert combine(ALL["mixup"](), albar.make(static_of="clean")).keeps_clean
    assert not combine(ALL["mixup"](), albar.make()).keeps_clean
    assert static_terms(albar.make(static_of="clean")) == terms_of_clean_clips()
