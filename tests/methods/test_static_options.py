"""The options that make ALBAR's static clip cheaper: folding, noise, a share, a bounded term."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import albar
from albar_jax.methods.input_gradient import clip_norm, plain_logits_and_input_gradient_norm
from albar_jax.methods.losses import (
    below_chance,
    cross_entropy,
    negative_entropy,
    unlikelihood,
)
from albar_jax.methods.static_draws import draw_subset, with_noise
from albar_jax.models import VideoSwinConfig, create
from albar_jax.profiling.flops import matrix_flops
from albar_jax.types import Batch, Outputs

KEY = jax.random.key(0)
NUM_CLASSES = 5
SWIN = VideoSwinConfig(
    embed_dim=8,
    depths=(1,),
    num_heads=(2,),
    patch_size=(1, 2, 2),
    window_size=(2, 2, 2),
    num_classes=NUM_CLASSES,
    drop_path_rate=0.0,
)
# All options at once, and each with the default of the others.
CHEAP = {
    "static_frames": 2,
    "static_bias": "folded",
    "static_noise": 0.5,
    "penalty_share": 0.5,
    "penalty_scale": "length_free",
    "adversarial": "one_minus_p",
}
EACH = [{name: value} for name, value in CHEAP.items()] + [CHEAP, {"adversarial": "below_chance"}]
# Folding is for static clips that are shorter than a clip.
EACH[list(CHEAP).index("static_bias")]["static_frames"] = 2


def make_batch(num_clips=4, size=8):
    rng = np.random.default_rng(0)
    return Batch(
        video=jnp.asarray(rng.normal(size=(num_clips, 4, size, size, 3)), jnp.float32),
        target=jnp.eye(NUM_CLASSES)[np.arange(num_clips) % NUM_CLASSES],
        valid=jnp.ones(num_clips).at[1].set(0),
        index=jnp.arange(num_clips),
    )


@functools.cache
def network(remat="none"):
    apply, params = create(dataclasses.replace(SWIN, remat=remat), jax.random.key(1))
    table = params["stages"]["0"]["blocks"]["0"]["attention"]
    table["position_bias"] = 30 * table["position_bias"]
    return apply, params


@functools.cache
def compiled(remat, **options):
    """Returns a compiled function of (params, batch, key), and the list of its traces."""
    apply, _ = network(remat)
    method = albar.make(**options)
    traces = []

    @jax.jit
    def step(params, batch, key):
        traces.append(None)

        def loss(params):
            return method.loss(functools.partial(apply, params), batch, key)

        return jax.grad(loss, has_aux=True)(params)

    return step, traces


def step_of(key=KEY, remat="none", batch=None, **options):
    step, _ = compiled(remat, **options)
    return step(network()[1], batch or make_batch(), key)


def worst(got, expected):
    """Returns the largest difference in any array, relative to its largest entry."""
    share = jax.tree.map(
        lambda a, b: np.abs(np.asarray(a) - b).max() / np.abs(b).max(), got, expected
    )
    return max(jax.tree.leaves(share))


def plain_gradient(key, *, stands_for, noise, drawn, weight):
    """Returns the gradient of the objective, written out for a clip of two static frames."""
    apply, params = network()
    batch = make_batch()
    _, _, k_static = jax.random.split(key, 3)
    valid = np.asarray(batch.valid)
    still = jnp.repeat(batch.video[:, 2:3] + noise, 2, axis=1)

    def of_image(gradient):
        return clip_norm(gradient.sum(1, keepdims=True)) / np.sqrt(stands_for)

    def loss(params):
        def predict(video, key):
            return apply(params, video, key, stands_for=stands_for)

        moving = cross_entropy(apply(params, batch.video, key).logits, batch.target)
        logits, penalty = plain_logits_and_input_gradient_norm(predict, still, k_static, of_image)
        terms = (
            moving
            + unlikelihood(logits, batch.target)
            + 4 * negative_entropy(logits)
            + 10 * weight * drawn * penalty
        )
        return jnp.sum(terms * valid) / valid.sum()

    return jax.jit(jax.grad(loss))(params)


@functools.cache
def expected_gradient():
    """Returns the gradient of the objective with the options CHEAP, with the documented draws."""
    draw_key = jax.random.fold_in(KEY, 3)
    noise = 0.5 * jax.random.normal(jax.random.fold_in(draw_key, 1), (4, 1, 8, 8, 3))
    subset = draw_subset(4, 0.5, jax.random.fold_in(draw_key, 2))
    drawn = np.zeros(4)
    drawn[np.asarray(subset.order[:2])] = 1
    return plain_gradient(KEY, stands_for=4, noise=noise, drawn=drawn, weight=2)


@pytest.mark.parametrize(
    ("memory", "remat"), [("linearize", "none"), ("two_pass", "full"), ("linearize", "dots")]
)
def test_gradients_are_those_of_the_objective_written_out(memory, remat):
    gradient, _ = step_of(remat=remat, memory=memory, **CHEAP)
    assert worst(gradient, expected_gradient()) < 1e-4


@pytest.mark.parametrize("options", EACH, ids=lambda options: "+".join(options))
def test_every_option_is_finite_and_compiles_once(options):
    for seed in range(2):
        gradient, metrics = step_of(jax.random.key(seed), **options)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradient, metrics)))

    assert len(compiled("none", **options)[1]) == 1
    # An option that changes nothing would not be connected.
    assert metrics["loss/total"] != step_of(jax.random.key(1))[1]["loss/total"]


def test_only_the_static_clip_stands_for_a_longer_one():
    seen = []

    def spy(video, key, stands_for=None):
        seen.append((video.shape[1], stands_for))
        return Outputs(video.mean((1, 2, 3, 4))[:, None] * jnp.ones(NUM_CLASSES), video)

    albar.make(static_frames=2, static_bias="folded").loss(spy, make_batch(), KEY)
    albar.make(static_frames=2, penalty_weight=0.0).loss(spy, make_batch(), KEY)
    # A static clip of all frames is not folded.
    albar.make(static_bias="folded", penalty_weight=0.0).loss(spy, make_batch(), KEY)
    assert seen == [(4, None), (2, 4), (4, None), (2, None), (4, None), (4, None)]


def test_images_have_a_penalty_too():
    """Clips of one frame, whose static clip is another image."""
    stills = make_batch().video[:, 1]
    batch = dataclasses.replace(make_batch(), video=make_batch().video[:, :1], still=stills)

    def network(video, key, stands_for=None):
        return Outputs(jnp.tanh(video).mean((1, 2, 3)) @ jnp.eye(3, NUM_CLASSES), video)

    def penalty(**options):
        method = albar.make(frame="still", **options)
        return float(method.loss(network, batch, KEY)[1]["loss/gradient_penalty"])

    # Each logit is the mean over the 64 pixels of one color.
    slope = (1 - np.tanh(np.asarray(stills)) ** 2) / 64
    expected = np.sqrt(np.square(slope).sum((1, 2, 3)))[np.asarray(batch.valid) > 0].mean()
    assert penalty() == pytest.approx(expected, rel=1e-5)
    assert penalty(penalty_scale="length_free") == pytest.approx(expected, rel=1e-5)
    for changes in ({"penalty_of": "label"}, {"penalty_of": "random"}, {"static_noise": 0.5}):
        for share in (0.5, 1.0):
            assert 0 < penalty(penalty_share=share, **changes) < np.inf


def test_noise_is_one_picture_for_each_still():
    video = jnp.ones((300, 2, 4, 4, 3))
    noise = np.asarray(with_noise(video, 0.3, KEY) - video)

    np.testing.assert_allclose(noise[:, 0], noise[:, 1], atol=1e-6)
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert np.abs(np.corrcoef(noise[:, 0].reshape(300, -1)) - np.eye(300)).max() < 0.7
    assert with_noise(video, 0.0, KEY) is video


def test_near_the_uniform_answer_noise_adds_the_norm_of_the_centred_jacobian():
    rng = np.random.default_rng(0)
    jacobian = 0.1 * rng.normal(size=(12, NUM_CLASSES))
    centred = jacobian - jacobian.mean(1, keepdims=True)
    still = jnp.zeros((20_000, 1, 2, 2, 3))
    noisy = with_noise(still, 0.2, KEY)

    entropy = negative_entropy(noisy.reshape(20_000, 12) @ jacobian).mean()
    gain = entropy + np.log(NUM_CLASSES)
    assert gain == pytest.approx(0.2**2 / (2 * NUM_CLASSES) * np.sum(centred**2), rel=0.05)


@pytest.mark.parametrize(
    ("num_clips", "share", "size"),
    [(8, 0.5, 4), (8, 0.1, 1), (6, 1 / 3, 2), (5, 0.5, 3), (1, 0.5, 1)],
)
def test_each_clip_is_drawn_equally_often(num_clips, share, size):
    counts = np.zeros(num_clips)
    for seed in range(400):
        subset = draw_subset(num_clips, share, jax.random.key(seed))
        order = np.asarray(subset.order)
        assert subset.size == size
        assert sorted(order) == list(range(num_clips))
        counts[order[:size]] += 1

    probability = size / num_clips
    sd = np.sqrt(400 * probability * (1 - probability))
    assert np.abs(counts - 400 * probability).max() <= 4 * sd
    assert subset.weight == pytest.approx(1 / probability)


def test_a_share_of_the_penalty_is_unbiased():
    _, whole = step_of()
    halves = {}
    for seed in range(8):
        gradient, metrics = step_of(jax.random.key(seed), penalty_share=0.5)
        halves[float(metrics["loss/gradient_penalty"])] = gradient, metrics
        # All clips have the other terms.
        for name in ("loss/adversarial", "loss/entropy"):
            assert metrics[name] == pytest.approx(float(whole[name]), rel=1e-5)

    # Of four clips, a half is the even or the odd ones.
    values = sorted({round(value, 4) for value in halves})
    assert len(values) == 2
    assert np.mean(values) == pytest.approx(float(whole["loss/gradient_penalty"]), rel=1e-3)


def test_a_share_of_the_penalty_saves_its_cost():
    def cost(**options):
        step, _ = compiled("none", **options)
        return matrix_flops(step.trace(network()[1], make_batch(8), KEY))

    whole, half, none = cost(), cost(penalty_share=0.5), cost(penalty_weight=0.0)
    assert (half - none) / (whole - none) == pytest.approx(0.5, abs=0.02)


def test_unlikelihood_is_minus_log_of_one_minus_p():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(6, NUM_CLASSES)) * 3)
    target = np.random.default_rng(1).dirichlet(np.ones(NUM_CLASSES), 6)
    with jax.enable_x64(True):
        probs = np.asarray(jax.nn.softmax(np.asarray(logits, np.float64)))
    expected = -(target * np.log1p(-probs)).sum(1)
    np.testing.assert_allclose(unlikelihood(logits, target), expected, rtol=1e-5)


@pytest.mark.parametrize("form", [unlikelihood, functools.partial(below_chance, margin=3.0)])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 30.0, 200.0, 1e30])
def test_bounded_forms_are_finite_with_a_bounded_gradient(scale, form):
    logits = scale * jnp.eye(NUM_CLASSES)
    for target in (jnp.eye(NUM_CLASSES), jnp.eye(NUM_CLASSES)[::-1]):
        value = form(logits, target)
        gradient = jax.grad(lambda logits, target=target: form(logits, target).sum())(logits)
        assert np.isfinite(value).all()
        assert (np.asarray(value) >= 0).all()
        assert np.abs(gradient).max() <= 1 + 1e-6
        # Even a certain answer is pushed away from its label.
        certain = np.asarray(target * jnp.eye(NUM_CLASSES)).sum(1) > 0
        assert (np.asarray(gradient * target).sum(1)[certain] > 0.1).all()


def test_below_chance_asks_for_log_odds_below_chance():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(6, NUM_CLASSES)) * 3)
    target = np.random.default_rng(1).dirichlet(np.ones(NUM_CLASSES), 6)
    with jax.enable_x64(True):
        probs = np.asarray(jax.nn.softmax(np.asarray(logits, np.float64)))
    odds_ratio = probs / (1 - probs) * (NUM_CLASSES - 1)
    expected = (target * np.log1p(np.exp(2) * odds_ratio)).sum(1)
    np.testing.assert_allclose(below_chance(logits, target, 2.0), expected, rtol=1e-5)

    # A certain answer that is wrong has reached any margin; a uniform one has not.
    label = jnp.eye(NUM_CLASSES)[:1]
    assert below_chance(50.0 * jnp.eye(NUM_CLASSES)[1:2], label, 5.0) < 1e-6
    assert below_chance(jnp.zeros((1, NUM_CLASSES)), label, 5.0) > 5


def test_a_capped_clip_has_no_gradient_in_any_form():
    def adversarial(scale, form, cap):
        def predict(video, key, stands_for=None):
            logits = scale * video.mean((1, 2, 3))
            return Outputs(jnp.pad(logits, ((0, 0), (0, 2))), video)

        options = {"adversarial": form, "adversarial_cap": cap, "penalty_weight": 0.0}
        return albar.make(**options).loss(predict, make_batch(), KEY)[1]["loss/adversarial"]

    for form in ("cross_entropy", "one_minus_p", "below_chance"):
        assert jax.grad(adversarial)(1.0, form, 1e-3) == 0
        assert jax.grad(adversarial)(1.0, form, None) != 0


@pytest.mark.parametrize(
    "options",
    [
        {"static_noise": -0.1},
        {"penalty_share": 0.0},
        {"penalty_share": 1.1},
        {"adversarial": "p"},
        {"static_bias": "long"},
    ],
)
def test_impossible_options_are_refused_in_a_sentence(options):
    with pytest.raises(UserError, match=next(iter(options))):
        albar.make(**options)
