"""Claims about `penalty_of` and `penalty_scale`, which no published code has."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import albar
from albar_jax.methods.input_gradient import (
    clip_norm,
    logits_and_input_gradient_norm,
    plain_logits_and_input_gradient_norm,
)
from albar_jax.methods.penalty_directions import (
    direction_of,
    label_error,
    random_centred,
    sum_of_logits,
)
from albar_jax.parallel.mesh import data_mesh, state_sharding
from albar_jax.train.step import init_state, make_train_step
from albar_jax.types import Batch, Outputs

KEY = jax.random.key(0)
K = 5
CHOICES = ("sum", "random", "label")
TERMS = ("loss/cross_entropy", "loss/adversarial", "loss/entropy")


def make_batch(num_clips=4, dtype=jnp.float32):
    rng = np.random.default_rng(0)
    return Batch(
        video=jnp.asarray(rng.normal(size=(num_clips, 6, 4, 4, 3)), dtype),
        target=jnp.eye(K)[np.arange(num_clips) % K],
        valid=jnp.ones(num_clips),
        index=jnp.arange(num_clips),
    )


RNG = np.random.default_rng(1)
PARAMS = {
    "inner": jnp.asarray(RNG.normal(size=(3, 7)), jnp.float32),
    "head": jnp.asarray(RNG.normal(size=(7, K)), jnp.float32),
    "common": jnp.zeros(7),
}


def apply(params, video, key):
    """A network with a term that is added to all logits, and with dropout."""
    features = jnp.tanh(video @ params["inner"]).mean((1, 2, 3))
    logits = features @ params["head"] + (features @ params["common"])[:, None]
    if key is not None:
        logits = logits * jax.random.bernoulli(key, 0.9, logits.shape)

    return Outputs(logits, features)


def metrics_of(params=PARAMS, key=KEY, batch=None, network=apply, **options):
    predict = functools.partial(network, params)
    return albar.make(**options).loss(predict, batch or make_batch(), key)[1]


def penalty(*arguments, **options):
    return float(metrics_of(*arguments, **options)["loss/gradient_penalty"])


def without_dropout(params, video, key):
    return apply(params, video, None)


@pytest.mark.parametrize("choice", CHOICES)
def test_only_the_sum_sees_what_is_added_to_all_logits(choice):
    """Softmax does not see it, so no other term changes."""
    added = PARAMS | {"common": 3 * jnp.ones(7)}
    before = metrics_of(PARAMS, network=without_dropout, penalty_of=choice)
    after = metrics_of(added, network=without_dropout, penalty_of=choice)

    for name in TERMS:
        assert after[name] == pytest.approx(float(before[name]), rel=1e-5)
    change = after["loss/gradient_penalty"] / before["loss/gradient_penalty"] - 1
    assert (abs(change) > 0.5) if choice == "sum" else (abs(change) < 1e-4)


def test_a_centred_head_switches_off_the_sum_and_neither_of_the_others():
    head = PARAMS["head"]
    centred = PARAMS | {"head": head - head.mean(axis=1, keepdims=True)}

    assert penalty(centred, network=without_dropout) < 1e-6
    for choice in ("random", "label"):
        assert penalty(centred, network=without_dropout, penalty_of=choice) > 0.01


def test_the_other_terms_and_their_dropout_do_not_depend_on_the_choice():
    first, *others = (metrics_of(penalty_of=choice) for choice in CHOICES)
    for other in others:
        assert [other[name] for name in TERMS] == [first[name] for name in TERMS]


def test_the_expected_square_of_the_random_penalty_is_that_of_the_centred_jacobian():
    video = make_batch(1).video
    jacobian = jax.jacrev(lambda video: apply(PARAMS, video, None).logits[0])(video)
    centred = jacobian - jacobian.mean(axis=0)
    expected = K / (K - 1) * np.sum(np.square(centred))

    # Each copy of the clip has its own draw.
    copies = jnp.broadcast_to(video, (8192, *video.shape[1:]))
    _, norms = logits_and_input_gradient_norm(
        functools.partial(apply, PARAMS), copies, None, direction=random_centred(KEY)
    )
    assert np.mean(np.square(norms)) == pytest.approx(expected, rel=0.03)
    # The direction that softmax does not see is missing: the whole Jacobian is larger by this.
    assert np.sum(np.square(jacobian)) > 1.2 * np.sum(np.square(centred))


def test_random_directions_are_centred_even_in_all_directions_and_as_long_as_the_sum():
    drawn = np.asarray(random_centred(KEY)(jnp.zeros((20000, K))))

    np.testing.assert_allclose(drawn.sum(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), np.sqrt(K), rtol=1e-5)
    covariance = drawn.T @ drawn / len(drawn)
    np.testing.assert_allclose(covariance, K / (K - 1) * (np.eye(K) - 1 / K), atol=0.03)


def test_random_directions_differ_between_clips_and_steps():
    alike = dataclasses.replace(make_batch(2), video=jnp.ones((2, 6, 4, 4, 3)))
    predict = functools.partial(apply, PARAMS)
    norms = [
        logits_and_input_gradient_norm(predict, alike.video, None, direction=random_centred(key))[1]
        for key in jax.random.split(KEY)
    ]
    assert len(set(np.concatenate(norms).tolist())) == 4
    # The same key draws the same directions, so that a resumed run repeats them.
    assert penalty(penalty_of="random") == penalty(penalty_of="random")


def test_a_single_class_has_no_random_direction():
    assert random_centred(KEY)(jnp.zeros((3, 1))).tolist() == [[0], [0], [0]]


def test_the_penalty_of_the_label_is_the_gradient_of_its_log_probability():
    batch = make_batch()

    def log_probability(video):
        logits = apply(PARAMS, video, None).logits
        return jnp.sum(batch.target * jax.nn.log_softmax(logits))

    static = jnp.repeat(batch.video[:, 3:4], 6, axis=1)
    expected = float(clip_norm(jax.grad(log_probability)(static)).mean())
    assert penalty(network=without_dropout, penalty_of="label") == pytest.approx(expected, rel=1e-5)


def gradients_of(form, choice):
    """Returns the parameter gradients of a loss of logits and norms, with dropout."""

    def total(params):
        direction = direction_of(choice, jnp.eye(K)[:4], KEY)
        predict = functools.partial(apply, params)
        logits, norms = form(predict, make_batch().video, KEY, direction=direction)
        return jnp.sum(jnp.exp(norms)) + jnp.sum(jnp.sin(logits))

    return jax.jit(jax.grad(total))(PARAMS)


@pytest.mark.parametrize("memory", ["linearize", "two_pass"])
@pytest.mark.parametrize("choice", CHOICES)
def test_every_memory_mode_has_the_gradients_of_reverse_over_reverse(choice, memory):
    form = functools.partial(logits_and_input_gradient_norm, memory=memory)
    got = gradients_of(form, choice)
    for name, expected in gradients_of(plain_logits_and_input_gradient_norm, choice).items():
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(got[name], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("memory", ["linearize", "two_pass"])
def test_no_derivative_goes_through_the_probabilities_of_the_label(memory):
    """A bias changes only the probabilities, never the Jacobian: the penalty leaves it alone."""
    video = make_batch().video

    def total(bias):
        def predict(video, key):
            outputs = apply(PARAMS, video, None)
            return dataclasses.replace(outputs, logits=outputs.logits + bias)

        direction = label_error(jnp.eye(K)[:4])
        norms = logits_and_input_gradient_norm(
            predict, video, None, memory=memory, direction=direction
        )[1]
        return norms.sum()

    value, gradient = jax.value_and_grad(total)(jnp.zeros(K))
    np.testing.assert_array_equal(gradient, np.zeros(K))
    # The value depends on it.
    assert abs(total(jnp.arange(K) * 1.0) - value) > 0.01


def step_of(choice, memory="linearize", network=without_dropout):
    """Returns ALBAR's training step at learning rate 0, and its state."""
    mesh = data_mesh()
    method = albar.make(penalty_of=choice, memory=memory)
    step = make_train_step(network, method, optax.sgd(0.0), 0, mesh)
    state = init_state(jax.tree.map(jnp.copy, PARAMS), optax.sgd(0.0))

    return step, jax.device_put(state, state_sharding(state, mesh, "data"))


@functools.cache
def flops(choice, memory):
    """Returns the FLOPs of a compiled step on clips that are large for this network."""
    step, state = step_of(choice, memory)
    batch = dataclasses.replace(make_batch(), video=np.zeros((4, 6, 32, 32, 3), np.uint8))

    return step.lower(state, batch).compile().cost_analysis()["flops"]


@pytest.mark.parametrize("memory", ["linearize", "two_pass"])
@pytest.mark.parametrize("choice", ["random", "label"])
def test_all_choices_cost_the_same(choice, memory):
    assert flops(choice, memory) == pytest.approx(flops("sum", memory), rel=1e-3)


@pytest.mark.parametrize("memory", ["linearize", "two_pass"])
@pytest.mark.parametrize("choice", CHOICES)
def test_a_zero_gradient_has_penalty_zero_and_finite_derivatives(choice, memory):
    """The network ignores its input. For half of the clips the label is certain: y - p is 0, too.

    So the norm is 0 for two reasons.
    """

    def network(params, video, key):
        logits = 1e4 * jnp.eye(K)[:4] * params["certain"][:, None]
        return Outputs(logits + params["scale"] * jnp.square(video).sum((1, 2, 3, 4))[:, None], 0)

    params = {"certain": jnp.array([1.0, 1.0, 0.0, 0.0]), "scale": jnp.zeros(())}

    def term(params):
        return metrics_of(params, network=network, penalty_of=choice, memory=memory)[
            "loss/gradient_penalty"
        ]

    value, gradient = jax.jit(jax.value_and_grad(term))(params)
    assert value == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("memory", ["linearize", "two_pass"])
@pytest.mark.parametrize("choice", CHOICES)
def test_in_bfloat16_the_penalty_is_finite_and_near_the_one_of_float32(choice, memory):
    def of(dtype):
        def network(params, video, key):
            low = jax.tree.map(lambda array: array.astype(dtype), params)
            features = jnp.tanh(video.astype(dtype) @ low["inner"]).mean((1, 2, 3))
            return Outputs((features @ low["head"]).astype(jnp.float32), features)

        def term(params):
            options = {"penalty_of": choice, "memory": memory}
            return metrics_of(params, network=network, **options)["loss/gradient_penalty"]

        return jax.jit(jax.value_and_grad(term))(PARAMS)

    value, gradient = of("bfloat16")
    assert value == pytest.approx(float(of("float32")[0]), rel=0.05)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


# Pixel c of a clip is logit c, so the Jacobian has the same norm in all directions.
def even(params, video, key):
    return Outputs(params["scale"] * video[:, 0, 0, :, 0], video[:, 0, 0, :, 0])


@pytest.mark.parametrize("steps", [2, 4])
def test_an_accumulated_random_penalty_is_the_penalty_of_the_whole_batch(steps):
    """The draws of microbatches differ, so the network has the same penalty for all draws."""
    rng = np.random.default_rng(0)
    video = rng.integers(256, size=(8, 2, 3, K, 3), dtype=np.uint8)
    valid = np.array([0, 1, 1, 1, 0, 1, 1, 1], np.float32)
    batch = Batch(jnp.asarray(video), jnp.eye(K)[np.arange(8) % K], valid, np.arange(8))

    def updated(steps):
        method = albar.make(penalty_of="random")
        step = make_train_step(even, method, optax.sgd(0.5), 0, data_mesh(), steps)
        return step(init_state({"scale": jnp.array(0.7)}, optax.sgd(0.5)), batch)

    whole, metrics = updated(1)
    accumulated, accumulated_metrics = updated(steps)
    assert metrics["loss/gradient_penalty"] == pytest.approx(0.7 * np.sqrt(K), rel=1e-5)
    assert accumulated.params["scale"] == pytest.approx(float(whole.params["scale"]), rel=1e-5)
    for name, value in metrics.items():
        assert float(accumulated_metrics[name]) == pytest.approx(float(value), rel=1e-5), name


@pytest.mark.parametrize("choice", CHOICES)
def test_a_step_is_compiled_once(choice):
    step, state = step_of(choice)
    video = np.random.default_rng(0).integers(256, size=(4, 6, 4, 4, 3), dtype=np.uint8)
    batch = dataclasses.replace(make_batch(), video=video)

    penalties = set()
    for _ in range(3):
        state, metrics = step(state, batch)
        penalties.add(float(metrics["loss/gradient_penalty"]))

    assert step._cache_size() == 1
    # The parameters do not change, but each step draws.
    assert len(penalties) == (3 if choice == "random" else 1)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("norm", ["clip", "column"])
def test_the_length_free_penalty_is_the_same_for_all_lengths(norm, choice):
    """The mean over frames gives each of t equal frames the gradient of the image / t."""

    def of(scale, length):
        options = {"penalty_norm": norm, "penalty_of": choice, "static_frames": length}
        return penalty(network=without_dropout, penalty_scale=scale, **options)

    free = [of("length_free", length) for length in (1, 2, 6)]
    assert free == pytest.approx([of("clip", 6)] * 3, rel=1e-4)
    assert of("clip", 2) == pytest.approx(np.sqrt(3) * free[0], rel=1e-4)


def test_the_length_free_penalty_is_of_the_still_where_frames_have_unequal_gradients():
    weights = jnp.arange(6.0)

    def network(params, video, key):
        features = jnp.einsum("t,bthwc->bc", weights, video) @ PARAMS["inner"]
        return Outputs(features @ PARAMS["head"], features)

    video = make_batch().video

    def of_still(still):
        repeated = jnp.repeat(still[:, None], 6, axis=1)
        return network(None, repeated, None).logits.sum()

    gradient = jax.grad(of_still)(video[:, 3])
    expected = np.linalg.norm(np.asarray(gradient).reshape(4, -1), axis=1).mean() / np.sqrt(6)
    got = penalty(None, network=network, penalty_scale="length_free")
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("options", [{"penalty_of": "mean"}, {"penalty_scale": "frame"}])
def test_impossible_choices_are_refused_in_a_sentence(options):
    with pytest.raises(UserError, match=rf"albar.{next(iter(options))} is .*; it is one of"):
        albar.make(**options)


def test_the_default_direction_is_the_papers():
    assert metrics_of() == metrics_of(penalty_of="sum", penalty_scale="clip")
    np.testing.assert_array_equal(sum_of_logits(jnp.zeros((2, 3))), np.ones((2, 3)))
