import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import albar
from albar_jax.methods.input_gradient import clip_norm, column_norm
from albar_jax.types import Batch, Outputs

KEY = jax.random.key(0)
NUM_CLASSES = 5


def make_batch(num_clips=4, num_frames=6, size=4):
    rng = np.random.default_rng(0)
    return Batch(
        video=jnp.asarray(rng.normal(size=(num_clips, num_frames, size, size, 3)), jnp.float32),
        target=jnp.eye(NUM_CLASSES)[np.arange(num_clips) % NUM_CLASSES],
        valid=jnp.ones(num_clips),
        index=jnp.arange(num_clips),
    )


def make_predict(seed=0):
    """Returns a small nonlinear network with its parameters closed over."""
    hidden, out = (
        jnp.asarray(np.random.default_rng(seed).normal(size=shape))
        for shape in ((3, 7), (7, NUM_CLASSES))
    )

    def predict(video, key):
        features = jnp.tanh(video @ hidden).mean((1, 2, 3))
        return Outputs(features @ out, features)

    return predict


def metrics_of(batch, predict=None, **options):
    return albar.make(**options).loss(predict or make_predict(), batch, KEY)


def static_of(batch, frame):
    return jnp.repeat(batch.video[:, frame : frame + 1], batch.video.shape[1], axis=1)


def test_every_term_is_what_its_equation_says():
    batch, predict = make_batch(), make_predict()
    total, metrics = metrics_of(
        batch, predict, adv_weight=2.0, entropy_weight=3.0, penalty_weight=5.0
    )
    static = static_of(batch, 3)
    log_p = np.log(jax.nn.softmax(predict(batch.video, None).logits))
    log_ps = np.log(jax.nn.softmax(predict(static, None).logits))
    label = np.arange(4)
    gradient = jax.vmap(jax.grad(lambda clip: predict(clip[None], None).logits.sum()))(static)
    expected = {
        "loss/cross_entropy": -log_p[label, label].mean(),
        "loss/adversarial": log_ps[label, label].mean(),
        "loss/entropy": (np.exp(log_ps) * log_ps).sum(1).mean(),
        "loss/gradient_penalty": np.linalg.norm(np.asarray(gradient).reshape(4, -1), axis=1).mean(),
    }
    expected["loss/total"] = expected["loss/cross_entropy"] + sum(
        weight * expected[f"loss/{name}"]
        for weight, name in ((2, "adversarial"), (3, "entropy"), (5, "gradient_penalty"))
    )

    assert set(metrics) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)
    assert total == metrics["loss/total"]


@pytest.mark.parametrize(
    ("frame", "number"), [("middle", 3), ("first", 0), ("last", 5), (2, 2), ("4", 4)]
)
def test_the_static_clip_is_the_chosen_frame(frame, number):
    batch = make_batch()
    _, chosen = metrics_of(batch, frame=frame)
    _, expected = metrics_of(
        dataclasses.replace(batch, video=static_of(batch, number)), frame="first"
    )

    for name in ("loss/adversarial", "loss/entropy", "loss/gradient_penalty"):
        np.testing.assert_allclose(chosen[name], expected[name], rtol=1e-5)


def test_the_static_clip_is_the_still_where_it_is_asked_for():
    stills = jnp.asarray(np.random.default_rng(5).normal(size=(4, 4, 4, 3)), jnp.float32)
    batch = dataclasses.replace(make_batch(), still=stills)
    _, chosen = metrics_of(batch, frame="still")
    background = jnp.repeat(stills[:, None], 6, axis=1)
    _, expected = metrics_of(dataclasses.replace(batch, video=background), frame="first")

    for name in ("loss/adversarial", "loss/entropy", "loss/gradient_penalty"):
        np.testing.assert_allclose(chosen[name], expected[name], rtol=1e-5)
    assert chosen["loss/cross_entropy"] == metrics_of(batch)[1]["loss/cross_entropy"]


def test_only_the_still_is_needed_and_only_where_a_term_uses_it():
    assert set(albar.make(frame="still").needs) == {"still"}
    assert albar.make(frame="random").needs == {}
    off = {"adv_weight": 0, "entropy_weight": 0, "penalty_weight": 0}
    assert albar.make(frame="still", **off).needs == {}


def test_a_random_frame_is_drawn_for_each_clip():
    seen = [set() for _ in range(4)]
    batch = make_batch()
    numbered = dataclasses.replace(
        batch, video=jnp.arange(6.0)[None, :, None, None, None] * jnp.ones_like(batch.video)
    )
    together = 0

    def spy(video, key):
        frames.append(np.asarray(video[:, 0, 0, 0, 0]))
        return Outputs(jnp.zeros((4, NUM_CLASSES)), jnp.zeros((4, 1)))

    for seed in range(40):
        frames = []
        albar.make(frame="random", penalty_weight=0.0).loss(spy, numbered, jax.random.key(seed))
        together += len(set(frames[1])) == 1
        for clip, frame in enumerate(frames[1]):
            seen[clip].add(int(frame))

    assert all(frames == set(range(6)) for frames in seen)
    assert together < 5


def test_all_frames_of_the_static_clip_are_equal_and_as_many_as_asked():
    lengths = []

    def spy(video, key):
        lengths.append(video.shape[1])
        assert (np.asarray(video[:, :1]) == np.asarray(video)).all() or video.shape[1] == 6
        return Outputs(jnp.zeros((4, NUM_CLASSES)), jnp.zeros((4, 1)))

    albar.make(static_frames=2, penalty_weight=0.0).loss(spy, make_batch(), KEY)

    assert lengths == [6, 2]


def test_column_norm_of_an_even_gradient_is_clip_norm_over_the_root_of_the_width():
    gradient = jnp.ones((2, 6, 4, 9, 3))

    np.testing.assert_allclose(clip_norm(gradient), np.sqrt(6 * 4 * 9 * 3), rtol=1e-6)
    np.testing.assert_allclose(column_norm(gradient), clip_norm(gradient) / 3, rtol=1e-6)


def test_column_norm_averages_the_columns_not_the_rows():
    gradient = jnp.zeros((1, 1, 2, 4, 1)).at[0, 0, :, 1, 0].set(jnp.array([3.0, 4.0]))
    np.testing.assert_allclose(column_norm(gradient), [(5 + 3e-6) / 4], rtol=1e-5)


def test_penalty_is_zero_with_a_zero_gradient_for_constant_logits():
    batch = make_batch()

    def penalty(scale, norm):
        def predict(video, key):
            return Outputs(scale * 0 * video.mean((1, 2, 3)) @ jnp.ones((3, 5)), video)

        return metrics_of(batch, predict, penalty_norm=norm)[1]["loss/gradient_penalty"]

    assert penalty(1.0, "clip") == 0
    assert penalty(1.0, "column") == pytest.approx(1e-6)
    for norm in ("clip", "column"):
        assert jax.grad(penalty)(1.0, norm) == 0


def test_penalty_does_not_see_what_softmax_does_see():
    # The null space of the penalty: logits move apart while their sum stays.
    batch = make_batch()
    apart = jnp.array([1.0, -1.0, 0, 0, 0])

    def predict(video, key):
        return Outputs(10 * video.mean((1, 2, 3, 4))[:, None] * apart, video)

    assert metrics_of(batch, predict)[1]["loss/gradient_penalty"] < 1e-6


def test_the_cap_bounds_each_clip_and_stops_its_gradient():
    batch = make_batch()
    _, free = metrics_of(batch)
    _, capped = metrics_of(batch, adversarial_cap=0.5)

    assert -free["loss/adversarial"] > 0.5
    # All four clips are above the cap.
    assert capped["loss/adversarial"] == pytest.approx(-0.5)

    def adversarial(scale):
        def predict(video, key):
            return Outputs(scale * make_predict()(video, key).logits, video)

        return metrics_of(batch, predict, adversarial_cap=0.1)[1]["loss/adversarial"]

    assert jax.grad(adversarial)(1.0) == 0


def test_a_weight_of_zero_removes_its_cost():
    batch = make_batch()

    def passes(**weights):
        count = 0

        def counting(video, key):
            nonlocal count
            count += 1
            return make_predict()(video, key)

        metrics_of(batch, counting, **weights)
        return count

    assert passes(adv_weight=0.0, entropy_weight=0.0, penalty_weight=0.0) == 1
    # One static pass serves three terms.
    assert passes(adv_weight=1.0, entropy_weight=1.0, penalty_weight=1.0) == 2

    def flops(penalty_weight):
        def loss(video):
            return metrics_of(
                dataclasses.replace(batch, video=video), penalty_weight=penalty_weight
            )[0]

        return jax.jit(jax.grad(loss)).lower(batch.video).compile().cost_analysis()["flops"]

    assert flops(0.0) < 0.7 * flops(1.0)


def test_invalid_clips_change_nothing():
    batch = make_batch()
    broken = dataclasses.replace(
        batch, video=batch.video.at[3].set(1e3), valid=jnp.array([1.0, 1.0, 1.0, 0.0])
    )
    three = jax.tree.map(lambda array: array[:3], batch)

    for name, value in metrics_of(three)[1].items():
        np.testing.assert_allclose(metrics_of(broken)[1][name], value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "options", [{"frame": "centre"}, {"frame": -1}, {"penalty_norm": "row"}, {"static_frames": 0}]
)
def test_impossible_options_are_refused_in_a_sentence(options):
    with pytest.raises(UserError, match=next(iter(options))):
        albar.make(**options)


def test_a_static_clip_longer_than_the_clip_is_refused():
    with pytest.raises(UserError, match="static_frames is 7, but a clip has 6 frames"):
        metrics_of(make_batch(), static_frames=7)


def test_a_frame_beyond_the_clip_is_refused():
    with pytest.raises(UserError, match="0 to 5"):
        metrics_of(make_batch(), frame=6)


def test_the_defaults_are_the_papers():
    batch = make_batch()
    total, metrics = metrics_of(batch)
    parts = [
        float(metrics[f"loss/{name}"])
        for name in ("cross_entropy", "adversarial", "entropy", "gradient_penalty")
    ]

    assert total == pytest.approx(np.dot([1, 1, 4, 10], parts), rel=1e-5)
    assert math.isfinite(total)
