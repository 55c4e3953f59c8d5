"""Tests of integrated gradients: values by hand, completeness, rules, bounded memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.attribution.baselines import BASELINES, baseline
from albar_jax.attribution.explain import Explainer, Options, warning
from albar_jax.attribution.integrated import RULES, Attribution, integrated_gradients, quadrature
from albar_jax.attribution.scores import SCORES, class_score
from albar_jax.errors import UserError
from albar_jax.methods.pixels import MEAN, STD, normalise
from albar_jax.models import create, final_tokens
from albar_jax.types import Outputs
from tests.attribution.conftest import BLACK, NUM_CLASSES, SWIN

RULE = "gauss_legendre"


def attribute(score, clip, start, **options):
    """Compiles and computes integrated gradients of any function."""
    return jax.jit(lambda clip, start: integrated_gradients(score, clip, start, **options))(
        clip, start
    )


@functools.partial(jax.jit, static_argnames=("name", "steps", "rule", "chunk"))
def of_swin(params, clip, start, target=2, *, name="logit", steps=8, rule=RULE, chunk=4):
    """Computes integrated gradients of the small Swin, compiled once for all its weights."""
    apply, _ = create(SWIN, jax.random.key(0))
    score = class_score(apply, params, target, name)
    return integrated_gradients(score, clip, start, steps=steps, rule=rule, chunk=chunk)


@pytest.fixture(scope="module")
def params(swin):
    return swin[1]


@pytest.fixture(scope="module")
def black(clip):
    return baseline("black", clip, black=BLACK)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("steps", [1, 7])
def test_a_quadratic_function_is_attributed_as_by_hand(clip, black, rule, steps):
    """The gradient 2 x is linear in x, so its mean over the line is its value at the middle."""
    result = attribute(
        lambda v: jnp.square(v).sum((1, 2, 3, 4)), clip, black, rule=rule, steps=steps
    )
    np.testing.assert_allclose(result.values, clip**2 - black**2, rtol=1e-4, atol=1e-5)
    assert abs(result.completeness_error) < 1e-4


def test_two_points_of_gauss_are_exact_for_a_cube_and_midpoints_miss_a_known_share(clip):
    """The midpoint rule gives alpha^2 the integral 1/3 - 1/(12 n^2)."""
    zeros = np.zeros_like(clip)

    def cube(video):
        return (video**3).sum((1, 2, 3, 4))

    exact = attribute(cube, clip, zeros, steps=2)
    np.testing.assert_allclose(exact.values, clip**3, rtol=1e-4, atol=1e-6)
    coarse = attribute(cube, clip, zeros, steps=2, rule="midpoint")
    np.testing.assert_allclose(coarse.values, clip**3 * (1 - 1 / 16), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_weights_of_a_rule_sum_to_one_within_the_line(rule):
    points, weights = quadrature(rule, 16)
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
    assert (points > 0).all()
    assert (points < 1).all()


@pytest.mark.parametrize("rule", ["riemann_trapezoid", "trapezoid", "simpson"])
def test_other_rules_are_refused_by_name(rule):
    with pytest.raises(UserError, match=f"'{rule}' is not a rule .*choose gauss_legendre or midpo"):
        quadrature(rule, 16)
    with pytest.raises(UserError, match="at least 1"):
        quadrature("midpoint", 0)


@pytest.mark.parametrize("rule", RULES)
def test_attributions_of_a_network_are_complete_and_more_so_with_more_steps(
    params, clip, black, rule
):
    errors = [
        abs(float(of_swin(params, clip, black, rule=rule, steps=steps).completeness_error))
        for steps in (4, 64)
    ]
    assert errors[1] < errors[0] / 5
    assert errors[1] < 0.01


def test_the_difference_is_the_difference_of_the_scores(swin, clip, black):
    apply, params = swin
    result = of_swin(params, clip, black, steps=64)
    logits = jax.jit(lambda video: apply(params, video, None).logits)(jnp.stack([clip, black]))
    np.testing.assert_allclose(result.difference, logits[0, 2] - logits[1, 2], rtol=1e-4)
    np.testing.assert_allclose(result.values.sum(), result.difference, rtol=2e-3)


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_the_chunk_changes_nothing(params, clip, black, chunk):
    expected = of_swin(params, clip, black, chunk=4)
    result = of_swin(params, clip, black, chunk=chunk)
    np.testing.assert_allclose(result.values, expected.values, rtol=1e-3, atol=1e-6)


def test_memory_does_not_grow_with_the_steps(params, clip, black):
    def temporary_bytes(**options):
        compiled = of_swin.lower(params, clip, black, **options).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    few = temporary_bytes(steps=4, chunk=4)
    assert temporary_bytes(steps=64, chunk=4) < 1.05 * few
    assert temporary_bytes(steps=64, chunk=64) > 5 * few


@pytest.mark.parametrize("name", ["logit", "log_probability", "centred_logit"])
def test_constant_logits_are_attributed_nothing(clip, black, name):
    def constant(params, video, key):
        features = jnp.zeros((len(video), 1))
        return Outputs(jnp.tile(params, (len(video), 1)), features)

    score = class_score(constant, jnp.arange(5.0), 2, name)
    result = attribute(score, clip, black, steps=4)
    assert (result.values == 0).all()
    assert result.difference == 0
    assert result.completeness_error == 0


def test_attributions_of_the_probabilities_of_all_classes_sum_to_zero(params, clip, black):
    values = [
        of_swin(params, clip, black, target, name="probability").values
        for target in range(NUM_CLASSES)
    ]
    assert np.abs(values[0]).max() > 1e-4
    np.testing.assert_allclose(np.sum(values, axis=0), 0, atol=1e-6)


def test_random_weights_change_the_attributions(params, clip, black):
    _, others = create(SWIN, jax.random.key(1))
    trained = of_swin(params, clip, black).values
    # Only the head is drawn anew, and then all weights.
    for drawn in (params | {"head": others["head"]}, others):
        values = of_swin(drawn, clip, black).values
        assert np.corrcoef(trained.ravel(), values.ravel())[0, 1] < 0.6


def test_only_the_plain_logit_changes_with_a_constant_on_all_logits(clip, black):
    """Such a constant changes no prediction, but it may differ between clips."""

    def network(constant, video, key):
        logits = jnp.stack([(video**power).mean((1, 2, 3, 4)) for power in (1, 2, 3)], axis=1)
        return Outputs(logits + constant * video.std((1, 2, 3, 4))[:, None], logits)

    for name in SCORES:
        plain = attribute(class_score(network, 0.0, 2, name), clip, black, steps=4).values
        shifted = attribute(class_score(network, 1.0, 2, name), clip, black, steps=4).values
        is_same = np.allclose(shifted, plain, rtol=1e-3, atol=1e-6)
        assert is_same == (name != "logit"), name


def test_normalised_clips_and_pixels_get_the_same_attributions(swin):
    apply, params = swin
    score = class_score(apply, params, 2, "logit")
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)

    def of_pixels(video):
        return score((video / 255 - jnp.array(MEAN)) / jnp.array(STD))

    in_pixels = attribute(of_pixels, pixels, np.zeros_like(pixels), steps=8)
    clip = normalise(pixels)
    dark = baseline("black", clip, black=normalise(np.zeros(3)))
    normalised = of_swin(params, clip, dark)
    np.testing.assert_allclose(in_pixels.values, normalised.values, rtol=1e-2, atol=1e-5)
    # The colour 0 of a normalised clip is not black, but the mean colour.
    other = of_swin(params, clip, baseline("mean", clip, black=BLACK))
    assert not np.allclose(other.values, normalised.values, rtol=1e-2, atol=1e-5)


def test_the_repeated_frame_gets_exactly_nothing(params, clip):
    for frame in (0, 2):
        start = baseline("static", clip, black=BLACK, frame=frame)
        values = np.asarray(of_swin(params, clip, start).values)
        assert (values[frame] == 0).all()
        assert all(np.abs(values[other]).max() > 0 for other in range(4) if other != frame)


def test_baselines_are_what_their_names_say(clip):
    made = {name: np.asarray(baseline(name, clip, black=BLACK)) for name in BASELINES}
    assert all(values.shape == clip.shape for values in made.values())
    assert (made["black"] == BLACK).all()
    assert (made["mean"] == 0).all()
    assert (made["static"] == clip[2]).all()
    np.testing.assert_allclose(made["temporal_mean"][3], clip.mean(0), rtol=1e-5)
    # A blurred frame depends on that frame alone; a blurred constant is the same constant.
    moved = clip.copy()
    moved[1] += 1
    blurred = np.asarray(baseline("blur", moved, black=BLACK)) - made["blur"]
    np.testing.assert_allclose(blurred[1], 1, rtol=1e-4)
    assert (blurred[[0, 2, 3]] == 0).all()
    large = np.random.default_rng(2).normal(size=(1, 64, 64, 3)).astype(np.float32)
    assert np.asarray(baseline("blur", large, black=BLACK)).std() < 0.2


def test_mistakes_of_the_user_are_refused(swin, clip):
    apply, params = swin
    explainer = Explainer(apply, params, NUM_CLASSES, black=BLACK, tokens=final_tokens(SWIN))
    with pytest.raises(UserError, match="class 5 is not one of the 5 classes; give 0 to 4"):
        explainer.attribution(clip, 5, "black")
    with pytest.raises(UserError, match="class -1 is not"):
        explainer.class_map(clip, -1)
    with pytest.raises(UserError, match="static of a clip of one frame is the clip itself"):
        explainer.attribution(clip[:1], 0, "static")
    with pytest.raises(UserError, match="static of a clip of one frame"):
        explainer.split(clip[:1], 0)
    with pytest.raises(UserError, match="no baseline 'white'; choose from black"):
        explainer.attribution(clip, 0, "white")
    with pytest.raises(UserError, match="4 frames has no frame 4"):
        explainer.attribution(clip, 0, "static", 4)
    with pytest.raises(UserError, match="no score 'loss'"):
        Options(score="loss")
    with pytest.raises(UserError, match="number of points at once is 0; give at least 1"):
        Options(chunk=0)
    with pytest.raises(UserError, match="steps is 1001, and gauss_legendre has at most 1000"):
        Options(steps=1001)
    assert len(quadrature("midpoint", 1001)[0]) == 1001


def test_networks_are_computed_at_the_highest_precision_in_evaluation_mode(clip):
    """By default, a GPU rounds the factors of a product to 10 bits, and a TPU to 7 bits."""
    seen = []

    def network(params, video, key):
        seen.append((jax.config.jax_default_matmul_precision, key))
        logits = video.mean((1, 2, 3)) @ params["head"]["kernel"]
        return Outputs(logits, logits)

    def tokens(params, video):
        seen.append((jax.config.jax_default_matmul_precision, None))
        return video

    params = {"head": {"kernel": jnp.ones((3, NUM_CLASSES))}}
    explainer = Explainer(network, params, NUM_CLASSES, black=BLACK, tokens=tokens)
    for compute in (explainer.split, explainer.legs, explainer.class_map):
        compute(clip, 0)
    explainer.attribution(clip, 0, "blur")
    explainer.logits(clip)
    assert set(seen) == {("highest", None)}
    assert jax.config.jax_default_matmul_precision is None


def test_an_incomplete_attribution_is_warned_of_with_the_steps_to_try():
    def sentence(difference, error):
        return warning(Attribution(np.zeros(1), difference, error), Options(steps=20))

    assert sentence(2.0, 0.04) is None
    assert sentence(2.0, -0.06) == (
        "the attributions miss the difference of the scores by -6.0% with 20 steps; try 40 steps"
    )
    # Rounding errors of two equal scores.
    assert sentence(1e-4, 0.5) is None
    # But a difference of probabilities may be small.
    assert "by +8.0%" in sentence(2e-3, 0.08)
