"""Compares MGFN with golden values of the original PyTorch modules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from albar_jax.downstream.mgfn import network, training
from albar_jax.downstream.mgfn.losses import mgfn_loss
from albar_jax.downstream.mgfn.names import MGFN
from albar_jax.downstream.mgfn.selection import pick
from albar_jax.types import BATCH_STATS
from albar_jax.weights.state_dicts import to_state_dict

from .mgfn_golden import CONFIG, GOLDEN, TOLERANCE, WIDTH, distance, load, named

SELECTED = 3


@pytest.fixture(scope="module")
def mgfn():
    return load()


def test_every_intermediate_of_the_forward_pass(mgfn):
    _, weights = mgfn
    module = network.Mgfn(CONFIG, WIDTH)
    nnx.update(module, nnx.State({n: v for n, v in weights.items() if n != BATCH_STATS}))
    nnx.update(module, nnx.State(weights[BATCH_STATS]))

    @jax.jit
    def intermediates(x):
        x = module.tokens(x, None)
        values = {"tokens": x}
        for i in range(3):
            stage = module.stages[str(i)]
            x = stage.before_transition(x, None, training=False)
            values[f"stage{i}"] = x
            x = x if stage.transition is None else stage.transition(x)
        return values

    for name, value in intermediates(GOLDEN["eval/input"][0]).items():
        # Channels are last in ours.
        assert distance(value.swapaxes(1, 2), GOLDEN[f"eval/{name}"]) < TOLERANCE, name


def test_scores_features_and_selection_of_a_video(mgfn):
    apply, weights = mgfn

    @jax.jit
    def evaluated(x):
        outputs = apply(weights, x)
        ones = jnp.ones_like(outputs.scores)
        return outputs, pick(outputs.scores, outputs.features, ones, SELECTED)

    outputs, picks = evaluated(GOLDEN["eval/input"])
    assert distance(outputs.scores[..., None], GOLDEN["eval/scores"]) < TOLERANCE
    assert distance(np.repeat(outputs.scores[0], 16), GOLDEN["eval/frame_scores"]) < TOLERANCE
    assert distance(outputs.features[0], GOLDEN["eval/features"]) < TOLERANCE
    assert outputs.batch_stats == {}
    assert distance(picks.score[:, None], GOLDEN["eval/score_abnormal"]) < TOLERANCE
    assert distance(picks.features, GOLDEN["eval/abn_feat"]) < TOLERANCE


@pytest.fixture(scope="module")
def trained(mgfn):
    """The training pass, its gradients, and the state after one step, with the golden masks."""
    apply, weights = mgfn
    masks = (GOLDEN["train/mask_normal"], GOLDEN["train/mask_abnormal"])
    state = training.init_state(CONFIG, weights)

    @jax.jit
    def step(state, videos):
        def loss(params, videos):
            return training.training_pass(apply, CONFIG, params | state.extra, videos, masks)

        differentiate = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (_, results), (gradients, slope) = differentiate(state.params, videos)
        old = mgfn_loss(results.scores, results.normal, results.abnormal, losses="before2023")
        optimizer = training.make_optimizer(CONFIG)
        updates, _ = optimizer.update(gradients, state.opt_state, state.params)
        return results, old[1], gradients, slope, optax.apply_updates(state.params, updates)

    return step(state, GOLDEN["train/input"])


def test_scores_and_selection_of_a_training_batch(trained):
    results = trained[0]
    assert distance(results.scores[..., None], GOLDEN["train/scores"]) < TOLERANCE
    for picks, score, features in (
        (results.normal, "score_normal", "nor_feat"),
        (results.abnormal, "score_abnormal", "abn_feat"),
    ):
        assert distance(picks.score[:, None], GOLDEN[f"train/{score}"]) < TOLERANCE
        assert distance(picks.features, GOLDEN[f"train/{features}"]) < TOLERANCE


def test_all_terms_of_the_loss(trained):
    results, old, *_ = trained
    for name, value in results.metrics.items():
        term = name.removeprefix("loss/")
        assert distance(value, GOLDEN[f"train/loss_{term}"]) < TOLERANCE, term
    for term in ("sparse", "smooth"):
        assert distance(old[f"loss/{term}"], GOLDEN[f"train/old_loss_{term}"]) < TOLERANCE, term


def test_gradients_of_weights_and_input(trained):
    _, _, gradients, slope, _ = trained
    theirs = named("g/")
    ours = to_state_dict(gradients, MGFN)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert distance(value, theirs[name]) < TOLERANCE, name
    assert distance(slope, GOLDEN["train/grad_input"]) < TOLERANCE


def test_one_step_of_adam_and_the_running_statistics(trained):
    results, *_, params = trained
    before, after = named("w/"), named("w1/")
    ours = to_state_dict(params | results.batch_stats, MGFN)
    assert ours.keys() == after.keys()
    for name, value in ours.items():
        assert distance(value, after[name]) < TOLERANCE, name
        # The first step of Adam has the size of the learning rate, where the gradient is not noise.
        moved = np.abs(after[name] - before[name])
        assert np.abs(value - after[name]).max() < max(0.02 * moved.max(), 1e-7), name
