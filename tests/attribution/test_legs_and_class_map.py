"""Tests of the two legs, and of the class-activation map, which sums to the logit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.attribution.baselines import baseline
from albar_jax.attribution.class_map import class_activation
from albar_jax.attribution.explain import Explainer, Options
from albar_jax.attribution.integrated import integrated_gradients
from albar_jax.attribution.legs import legs, split
from albar_jax.attribution.scores import class_score
from albar_jax.errors import UserError
from albar_jax.models import PRESETS, create, final_tokens
from tests.attribution.conftest import BLACK, NUM_CLASSES, RESNET, SWIN


@pytest.fixture(scope="module")
def explainer(swin):
    apply, params = swin
    return Explainer(
        apply,
        params,
        NUM_CLASSES,
        black=BLACK,
        tokens=final_tokens(SWIN),
        options=Options(steps=32),
    )


def test_both_legs_are_complete_and_sum_to_the_difference_from_black(explainer, clip):
    both = explainer.legs(clip, 3)
    for leg in both:
        np.testing.assert_allclose(leg.values.sum(), leg.difference, rtol=1e-2, atol=1e-4)

    black = baseline("black", clip, black=BLACK)
    total = explainer.logits(clip)[3] - explainer.logits(black)[3]
    np.testing.assert_allclose(
        both.appearance.difference + both.motion.difference, total, rtol=1e-4
    )


def test_each_leg_is_the_attribution_from_its_own_baseline(swin, clip):
    apply, params = swin
    score = class_score(apply, params, 3, "logit")
    both = jax.jit(lambda clip: legs(score, clip, black=BLACK, frame=1, steps=4))(clip)
    dark = baseline("black", clip, black=BLACK)
    still = baseline("static", clip, black=BLACK, frame=1)

    appearance = jax.jit(lambda: integrated_gradients(score, still, dark, steps=4))()
    motion = jax.jit(lambda: integrated_gradients(score, clip, still, steps=4))()
    np.testing.assert_allclose(both.appearance.values, appearance.values, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(both.motion.values, motion.values, rtol=1e-3, atol=1e-6)
    assert (np.asarray(both.motion.values)[1] == 0).all()


def test_three_forward_passes_give_the_sums_of_both_legs(explainer, clip):
    parts = explainer.split(clip, 3)
    both = explainer.legs(clip, 3)
    np.testing.assert_allclose(parts.appearance, both.appearance.difference, rtol=1e-5)
    np.testing.assert_allclose(parts.motion, both.motion.difference, rtol=1e-5)
    np.testing.assert_allclose(sum(parts), explainer.logits(clip)[3], rtol=1e-5)


def test_a_motionless_clip_has_no_motion(explainer, clip):
    still = np.broadcast_to(clip[2], clip.shape)
    assert explainer.split(still, 3).motion == 0
    assert (explainer.legs(still, 3).motion.values == 0).all()


def test_a_score_of_one_frame_alone_is_appearance_or_motion_as_the_frame_is_chosen(clip):
    """The first frame's brightness is motion, unless the first frame is the repeated one."""

    def brightness(video):
        return video[:, 0].sum((1, 2, 3))

    first = split(brightness, clip, black=BLACK, frame=0)
    last = split(brightness, clip, black=BLACK, frame=3)
    assert first.motion == 0
    np.testing.assert_allclose(last.motion, clip[0].sum() - clip[3].sum(), rtol=1e-4)


@pytest.mark.parametrize("network", ["swin", "resnet"])
def test_the_class_map_sums_to_the_logit_without_the_bias(request, network, clip):
    apply, params = request.getfixturevalue(network)
    params = params | {"head": params["head"] | {"bias": jnp.arange(5.0)}}
    tokens = final_tokens({"swin": SWIN, "resnet": RESNET}[network])
    explainer = Explainer(apply, params, NUM_CLASSES, black=BLACK, tokens=tokens)
    for target in (0, 4):
        values = explainer.class_map(clip, target)
        expected = explainer.logits(clip)[target] - target
        np.testing.assert_allclose(values.sum(), expected, rtol=1e-4, atol=1e-5)
        assert np.ptp(values) > 0


def test_the_class_map_of_the_published_network_sums_to_its_logit():
    """Swin-T on a clip whose height and width are no multiples of its patches and windows."""
    config = PRESETS["tiny"]
    apply, params = create(config, jax.random.key(0))
    video = np.random.default_rng(0).normal(size=(1, 4, 40, 60, 3)).astype(np.float32)

    @jax.jit
    def both(params):
        values = class_activation(
            final_tokens(config)(params, video)[0], params["head"]["kernel"], 7
        )
        return values, apply(params, video, None).logits[0, 7]

    values, logit = both(params)
    assert values.shape == (2, 2, 2)
    np.testing.assert_allclose(values.sum(), logit, rtol=1e-3, atol=1e-5)


def test_a_cell_of_the_class_map_follows_its_place():
    """Without attention, a token sees its own pixels: only its cell changes."""
    apply, params = create(RESNET, jax.random.key(0))
    explainer = Explainer(apply, params, NUM_CLASSES, black=BLACK, tokens=final_tokens(RESNET))
    video = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype(np.float32)
    changed = video.copy()
    changed[1] += 1
    difference = explainer.class_map(changed, 1) - explainer.class_map(video, 1)
    assert (difference[[0, 2]] == 0).all()
    assert (difference[1] != 0).any()


def test_legs_need_two_frames(swin, clip):
    apply, params = swin
    with pytest.raises(UserError, match="clip of one frame is the clip itself"):
        legs(class_score(apply, params, 0, "logit"), clip[:1], black=BLACK)
