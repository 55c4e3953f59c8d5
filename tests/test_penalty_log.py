"""Claims about what a validation on stills logs of the gradient penalty."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.methods.pixels import normalise
from albar_jax.models import PRESETS, create
from albar_jax.parallel.mesh import data_mesh
from albar_jax.train.penalty_step import make_penalty_step
from albar_jax.types import Batch, Outputs

K = 5
RNG = np.random.default_rng(0)
PARAMS = {
    "inner": jnp.asarray(RNG.normal(size=(3, 7)), jnp.float32),
    "head": {"kernel": jnp.asarray(RNG.normal(size=(7, K)), jnp.float32)},
}
NAMES = ("head_sum", "static_penalty", "static_penalty_label", "static_jacobian")


def apply(params, video, key):
    features = jnp.tanh(video @ params["inner"]).mean((1, 2, 3))
    return Outputs(features @ params["head"]["kernel"], features)


def batch_of(num_clips, different=1):
    """Returns copies of a few clips; each copy has its own row."""
    clips = RNG.integers(256, size=(different, 2, 3, 3, 3), dtype=np.uint8)
    place = np.arange(num_clips) % different
    return Batch(
        jnp.asarray(clips[place]),
        jnp.eye(K)[place % K],
        jnp.ones(num_clips),
        jnp.arange(num_clips),
    )


def jacobian_of(batch):
    """Returns the Jacobian of the first clip, (k, pixels)."""
    video = normalise(batch.video[:1])
    jacobian = jax.jacrev(lambda video: apply(PARAMS, video, None).logits[0])(video)
    return np.asarray(jacobian).reshape(K, -1)


def test_each_value_is_what_its_formula_says():
    batch = batch_of(1024)
    sums = make_penalty_step(apply, data_mesh())(PARAMS, batch)
    jacobian = jacobian_of(batch)
    logits = apply(PARAMS, normalise(batch.video[:1]), None).logits[0]
    error = batch.target[0] - jax.nn.softmax(logits)

    assert sums.num_clips == 1024
    expected = np.linalg.norm(jacobian.sum(axis=0))
    assert sums.of_sum / 1024 == pytest.approx(expected, rel=1e-4)
    expected = np.linalg.norm(np.asarray(error) @ jacobian)
    assert sums.of_label / 1024 == pytest.approx(expected, rel=1e-4)
    expected = np.square(jacobian - jacobian.mean(axis=0)).sum()
    assert sums.centred_squared / 1024 == pytest.approx(expected, rel=0.03)

    kernel = np.asarray(PARAMS["head"]["kernel"])
    mean_length = np.linalg.norm(kernel, axis=0).mean()
    expected = np.linalg.norm(kernel.sum(axis=1)) / (math.sqrt(K) * mean_length)
    assert sums.head_sum == pytest.approx(expected, rel=1e-5)


def test_a_head_whose_classes_cancel_has_only_the_centred_jacobian():
    kernel = PARAMS["head"]["kernel"]
    centred = PARAMS | {"head": {"kernel": kernel - kernel.mean(axis=1, keepdims=True)}}
    batch = batch_of(4)
    step = make_penalty_step(apply, data_mesh())
    before, after = step(PARAMS, batch), step(centred, batch)

    assert before.head_sum > 0.3
    assert before.of_sum > 0.01
    assert after.head_sum < 1e-5
    assert after.of_sum < 1e-5
    assert after.centred_squared == pytest.approx(float(before.centred_squared), rel=1e-4)
    assert after.of_label == pytest.approx(float(before.of_label), rel=1e-4)


def test_only_valid_clips_count_and_clips_keep_their_directions_in_any_batch():
    batch = batch_of(8, different=4)
    step = make_penalty_step(apply, data_mesh())
    invalid = Batch(batch.video, batch.target, jnp.array([1.0, 1, 1, 0, 1, 0, 0, 1]), batch.index)
    kept = np.array([0, 1, 2, 4, 7])
    alone = jax.tree.map(lambda array: array[kept], batch)

    for got, expected in zip(step(PARAMS, invalid), step(PARAMS, alone), strict=True):
        assert got == pytest.approx(float(expected), rel=1e-5)


def test_a_network_with_batch_norm_is_measured_clip_by_clip():
    """Its running statistics normalize, so that no clip has a part in the gradient of another."""
    network, weights = create(PRESETS["resnet_micro"], jax.random.key(0))
    rng = np.random.default_rng(1)
    clips = jnp.asarray(rng.integers(256, size=(4, 1, 16, 16, 3), dtype=np.uint8))
    targets = jnp.eye(weights["head"]["kernel"].shape[1])[:4]
    batch = Batch(clips, targets, jnp.ones(4), jnp.arange(4))
    step = make_penalty_step(network, data_mesh())

    alone = [step(weights, dataclasses.replace(batch, valid=row)) for row in jnp.eye(4)]
    other = dataclasses.replace(batch, video=clips.at[1:].set(0), valid=jnp.eye(4)[0])
    assert step(weights, other).of_sum == pytest.approx(float(alone[0].of_sum), rel=1e-5)
    together = step(weights, batch)
    for number, name in enumerate(together._fields[:-1]):
        total = sum(float(sums[number]) for sums in alone)
        assert together[number] == pytest.approx(total, rel=1e-5), name


def test_other_weights_and_clips_compile_nothing():
    step = make_penalty_step(apply, data_mesh())
    for scale in (1.0, 2.0):
        step(jax.tree.map(lambda array, s=scale: s * array, PARAMS), batch_of(4, different=4))

    assert step._cache_size() == 1


@pytest.fixture(scope="module")
def experiment_of(tiny_config):
    """Returns a function that builds a run whose network is the smallest."""

    def build(**changes):
        return wiring.experiment(parse(tiny_config("ce", **changes)), {}, resumes=False)

    return build


def test_a_validation_on_stills_measures_the_same_clips_each_time(experiment_of):
    experiment = experiment_of(**{"eval.static_validation": True})
    first, second = (experiment.validate(experiment.state.weights) for _ in range(2))

    assert first == second
    values = [first.metrics[f"validation/{name}"] for name in NAMES]
    assert all(math.isfinite(value) and value > 0 for value in values)
    # A head with random weights.
    assert first.metrics["validation/head_sum"] == pytest.approx(1, abs=0.4)


def test_other_validations_measure_nothing(experiment_of):
    experiment = experiment_of()
    assert list(experiment.validate(experiment.state.weights).metrics) == ["validation/top1"]
