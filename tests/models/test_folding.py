"""A short still with the folded position bias answers like the long still that it stands for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.models import PRESETS, create
from albar_jax.models.folding import Axis, folded_bias

from .conftest import distance

MICRO = dataclasses.replace(PRESETS["micro"], embed_dim=16, num_heads=(1, 2))
# The windows of the published networks in a narrow network: shifted windows in both stages.
TINY = dataclasses.replace(
    PRESETS["tiny"], embed_dim=8, depths=(2, 2), num_heads=(1, 2), num_classes=5
)
# Config, frames and size of the long still.
CASES = {
    # 16 x 16 x 16 and 16 x 8 x 8 tokens: padding, and masks along t, h and w.
    "tiny": (TINY, 32, 64),
    # 16 x 14 x 14 and 16 x 7 x 7 tokens, as in the last two stages of a clip of 224 x 224.
    "tiny, whole windows": (TINY, 32, 56),
    # One window along time; a cut window in the second stage.
    "micro": (MICRO, 8, 32),
    # Two windows along time, shifted.
    "micro, 16 frames": (MICRO, 16, 64),
    # Zeros pad the still along time to two windows.
    "micro, padded": (MICRO, 12, 64),
}
APPLY = {case: create(config, jax.random.key(0))[0] for case, (config, _, _) in CASES.items()}


def still(case):
    _, _, size = CASES[case]
    return np.random.default_rng(1).normal(size=(2, 1, size, size, 3)).astype(np.float32)


def params_of(case, sd=0.5, *, constant_in_time=False):
    """Returns parameters with large random position biases."""
    config, _, _ = CASES[case]
    _, params = create(config, jax.random.key(0))
    rng = np.random.default_rng(0)

    def redraw(path, leaf):
        if path[-1].key != "position_bias":
            return leaf

        times, *area = (2 * width - 1 for width in config.window_size)
        drawn = sd * rng.normal(size=(times, *area, leaf.shape[1]))
        if constant_in_time:
            drawn[:] = drawn[0]
        return jnp.asarray(drawn.reshape(leaf.shape), leaf.dtype)

    return jax.tree_util.tree_map_with_path(redraw, params)


def logits(case, params, frames, *, folded):
    _, stands_for, _ = CASES[case]

    @jax.jit
    def run(params, image):
        clip = jnp.repeat(image, frames, axis=1)
        return APPLY[case](params, clip, None, stands_for=stands_for if folded else None).logits

    return run(params, still(case))


@pytest.mark.parametrize("case", CASES)
def test_two_folded_frames_answer_almost_like_the_long_still(case):
    params = params_of(case)
    long = logits(case, params, CASES[case][1], folded=False)
    error = distance(logits(case, params, 2, folded=True), long)
    plain_error = distance(logits(case, params, 2, folded=False), long)

    # Padding in time is less regular than a window of the still.
    limit = 0.5 if "padded" in case else 0.1
    assert error < limit * plain_error


@pytest.mark.parametrize("case", ["tiny", "micro, 16 frames"])
def test_folding_is_exact_where_the_bias_does_not_depend_on_time(case):
    params = params_of(case, constant_in_time=True)
    long = logits(case, params, CASES[case][1], folded=False)
    assert distance(logits(case, params, 2, folded=True), long) < 1e-5


@pytest.mark.parametrize("case", ["tiny", "micro", "micro, padded"])
def test_a_still_that_stands_for_itself_is_exact(case):
    params = params_of(case)
    frames = CASES[case][1]
    long = logits(case, params, frames, folded=False)
    assert distance(logits(case, params, frames, folded=True), long) < 1e-5


@pytest.mark.parametrize("remat", ["full", "dots"])
def test_rematerialization_and_platform_change_nothing(remat):
    config, stands_for, _ = CASES["micro, 16 frames"]
    other, _ = create(dataclasses.replace(config, remat=remat, for_cpu=True), jax.random.key(0))
    clip = jnp.repeat(still("micro, 16 frames"), 2, axis=1)
    params = params_of("micro, 16 frames")

    def of_table(apply):
        def loss(params):
            summed = apply(params, clip, None, stands_for=stands_for).logits
            return jnp.sum(jnp.square(summed))

        gradient = jax.jit(jax.grad(loss))(params)
        return gradient["stages"]["0"]["blocks"]["1"]["attention"]["position_bias"]

    gradient = of_table(APPLY["micro, 16 frames"])
    assert distance(of_table(other), gradient) < 1e-4
    assert np.all(np.isfinite(gradient))
    # Every offset in time has a gradient, as in the long still.
    by_time = np.abs(gradient).reshape(7, -1).sum(1)
    assert np.all(by_time > 1e-3 * by_time.max())


def test_extreme_biases_give_finite_folded_biases_and_gradients():
    axis = Axis(length=6, window=4, shift=2)
    bias = 1e4 * np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)

    for length in (1, 3):

        def total(bias, length=length):
            return folded_bias(bias, axis, length).clip(-1e6, 1e6).sum()

        value, gradient = jax.value_and_grad(total)(bias)
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("length", [0, 7])
def test_a_short_still_is_not_longer_than_what_it_stands_for(length):
    with pytest.raises(ValueError, match=f"{length} temporal tokens cannot stand for 6"):
        folded_bias(jnp.zeros((1, 8, 8)), Axis(length=6, window=4, shift=0), length)


def test_a_resnet_needs_no_folding():
    apply, weights = create(PRESETS["resnet_micro"], jax.random.key(0))
    image = np.random.default_rng(2).normal(size=(2, 1, 16, 16, 3)).astype(np.float32)
    long = apply(weights, jnp.repeat(image, 4, axis=1), None).logits
    short = apply(weights, image, None, stands_for=4).logits
    assert distance(short, long) < 1e-5
