"""Tests of properties that every method has, and of combinations of methods."""

import dataclasses
import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import METHODS, albar, ce, combine, stillmix
from albar_jax.methods.base import SCENE, STILL
from albar_jax.methods.heads import with_heads
from albar_jax.models import PRESETS, create
from albar_jax.types import Batch


@pytest.fixture(scope="module")
def model():
    config = dataclasses.replace(PRESETS["micro"], embed_dim=16, num_heads=(1, 2), depths=(1, 1))
    return create(config, jax.random.key(0))


def make_batch(needs=frozenset()):
    """Returns four clips, one of them unreadable, with only the fields that a method needs."""
    rng = np.random.default_rng(0)
    video = jnp.asarray(rng.normal(size=(4, 4, 16, 16, 3)), jnp.float32)
    aux_inputs = {
        "person_mask": jnp.asarray(rng.random((4, 4, 16, 16)) < 0.3),
        "still": jnp.asarray(rng.normal(size=(4, 16, 16, 3)), jnp.float32),
        "scene": jnp.asarray(rng.dirichlet(np.ones(365), 4), jnp.float32),
    }
    needed = {name: value for name, value in aux_inputs.items() if name in needs}
    return Batch(video, jnp.eye(8)[:4], jnp.array([1.0, 1.0, 1.0, 0.0]), jnp.arange(4), **needed)


@pytest.mark.parametrize("name", METHODS)
def test_loss_and_gradient_are_finite_and_compile_once(name, model):
    method = combine(METHODS[name]())
    apply, params = with_heads(*model, method.heads, jax.random.key(1), 32)
    traces = 0

    @jax.jit
    def step(params, batch, key):
        nonlocal traces
        traces += 1
        for transform in method.transforms:
            batch = transform(batch, key)

        def loss(params):
            return method.loss(lambda video, key: apply(params, video, key), batch, key)

        return jax.grad(loss, has_aux=True)(params), batch

    for seed in range(2):
        (gradients, metrics), batch = step(params, make_batch(method.needs), jax.random.key(seed))

    assert traces == 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, metrics)))
    assert any(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))
    assert "loss/cross_entropy" in metrics
    assert "loss/total" in metrics
    assert batch.video.shape == make_batch().video.shape


@pytest.mark.parametrize("name", METHODS)
def test_clips_keep_their_rows(name):
    """Published mixing of videos reorders the clips."""
    method = METHODS[name]()
    before = make_batch(method.needs)
    for seed in range(8):
        after = before
        for transform in method.transforms:
            after = transform(after, jax.random.key(seed))
        for i, j in itertools.permutations(range(4), 2):
            assert not np.array_equal(after.video[i], before.video[j])


@pytest.mark.parametrize("name", METHODS)
def test_every_option_has_a_default_and_is_documented(name):
    make = METHODS[name]
    for option in inspect.signature(make).parameters.values():
        assert option.default is not inspect.Parameter.empty
        assert f"{option.name}:" in make.__doc__, f"{name}.{option.name} is not in the docstring"


def test_methods_together_have_all_transforms_and_the_one_loss():
    mixing, alone = stillmix.make(), albar.make()
    both = combine(mixing, alone)

    assert both.transforms == mixing.transforms
    assert both.loss is alone.loss
    assert combine(mixing).loss is ce.loss


def test_the_static_clip_of_stillmix_and_albar_is_taken_from_the_mixed_clip(model):
    apply, params = model
    both = combine(stillmix.make(prob=1.0), albar.make(penalty_weight=0.0))
    mixed = both.transforms[0](make_batch(), jax.random.key(1))
    seen = []

    def predict(video, key):
        seen.append(video)
        return apply(params, video, None)

    both.loss(predict, mixed, jax.random.key(0))

    np.testing.assert_array_equal(seen[1][:, 0], mixed.video[:, 2])
    assert not np.array_equal(seen[1][:, 0], make_batch().video[:, 2])


def test_two_losses_cannot_be_combined():
    with pytest.raises(UserError, match="combine at most one"):
        combine(ce.make(), albar.make())


def test_needs_are_united():
    one, two = (
        dataclasses.replace(ce.make(), loss=None, needs=needs)
        for needs in ({"still": STILL}, {"scene": SCENE})
    )
    assert combine(one, two).needs == {"still": STILL, "scene": SCENE}
