"""Compares our float32 numbers with torchvision's.

One tolerance holds for all: the largest error, relative to the largest entry.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from albar_jax.methods import albar
from albar_jax.models.video_swin import VideoSwin
from albar_jax.types import Batch
from albar_jax.weights.name_tables import TORCHVISION
from albar_jax.weights.trees import flatten

from .conftest import REFERENCE, TOLERANCE, distance, run

STAGES = np.load(REFERENCE / "tiny_a_stages.npz")


def test_logits_and_static_logits_are_torchvisions(reference):
    logits = run(
        lambda p, v: reference.apply(p, v, None).logits,
        reference.params,
        reference.values["video_bthwc"],
    )

    assert distance(logits, reference.values["logits"]) < TOLERANCE

    logits = run(
        lambda p, v: reference.apply(p, v, None).logits, reference.params, reference.static
    )

    assert distance(logits, reference.values["static_logits"]) < TOLERANCE


def test_input_gradient_is_torchvisions(tiny_a):
    gradient = run(
        jax.grad(lambda v: tiny_a.apply(tiny_a.params, v, None).logits.sum()), tiny_a.static
    )
    assert distance(gradient, tiny_a.values["input_grad"]) < TOLERANCE


def test_each_stage_maps_torchvisions_input_to_torchvisions_output(tiny_a):
    graph, _ = nnx.split(nnx.eval_shape(lambda: VideoSwin(tiny_a.config, nnx.Rngs(0))))

    def outputs(params):
        model = nnx.merge(graph, params)
        yield "patch_embed", model.patch_embed(tiny_a.values["video_bthwc"][:1])
        before = "patch_embed"
        for i, depth in enumerate(tiny_a.config.depths):
            for j in range(depth):
                name = f"features.{2 * i}.{j}"
                yield name, model.stages[str(i)].blocks[str(j)](STAGES[before], None)
                before = name
            if model.stages[str(i)].merge:
                name = f"features.{2 * i + 1}"
                yield name, model.stages[str(i)].merge(STAGES[before])
                before = name

    errors = {
        name: distance(x, STAGES[name])
        for name, x in run(lambda p: dict(outputs(p)), tiny_a.params).items()
    }

    assert len(errors) == 9
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("size", [(1, 32, 32), (3, 17, 50), (9, 61, 30), (7, 3, 5)])
def test_any_size_is_padded_and_windowed_as_torchvision_does(tiny_a, size):
    video = (
        np.random.default_rng(0)
        .normal(size=(1, 3, *size))
        .transpose(0, 2, 3, 4, 1)
        .astype(np.float32)
    )
    logits = run(lambda p, v: tiny_a.apply(p, v, None).logits, tiny_a.params, video)

    assert distance(logits, STAGES["logits_" + "x".join(map(str, size))]) < TOLERANCE


def losses_and_gradients(reference, norms):
    values, weights = reference.values, reference.weights
    video = jnp.asarray(values["video_bthwc"])
    count = video.shape[0]
    target = jax.nn.one_hot(values["labels"], reference.config.num_classes)
    batch = Batch(video, target, valid=jnp.ones(count), index=jnp.arange(count))

    def loss_of(norm):
        method = albar.make(
            weights["adv"],
            weights["ent"],
            weights["gp"],
            penalty_norm=norm,
            frame=reference.static_frame,
        )

        def loss(params):
            # Key None, because the reference is in evaluation mode, without stochastic depth.
            return method.loss(
                lambda video, _: reference.apply(params, video, None), batch, jax.random.key(0)
            )

        return loss

    # One program for all norms compiles their common parts once.
    return run(
        lambda p: {norm: jax.value_and_grad(loss_of(norm), has_aux=True)(p) for norm in norms},
        reference.params,
    )


def check(reference, norm, result):
    (total, metrics), gradient = result
    values = reference.values

    assert distance(total, values[f"total_{norm}"]) < TOLERANCE
    assert distance(metrics["loss/total"], values[f"total_{norm}"]) < TOLERANCE
    assert distance(metrics["loss/cross_entropy"], values["ce"]) < TOLERANCE
    assert distance(metrics["loss/adversarial"], values["adv"]) < TOLERANCE
    assert distance(metrics["loss/entropy"], values["ent"]) < TOLERANCE
    assert distance(metrics["loss/gradient_penalty"], values[f"gp_{norm}"]) < TOLERANCE

    flat = flatten(gradient)
    names = {path: TORCHVISION.torch_name(path) for path in flat}

    assert {f"grad_{norm}/{name}" for name in names.values()} == {
        k for k in values if k.startswith(f"grad_{norm}/")
    }

    theirs = {
        path: TORCHVISION.from_torch(path, values[f"grad_{norm}/{name}"])
        for path, name in names.items()
    }
    errors = {names[path]: distance(flat[path], theirs[path]) for path in flat}

    assert max(errors.values()) < TOLERANCE, max(errors.items(), key=lambda item: item[1])


def test_every_loss_term_and_every_parameter_gradient_is_torchvisions_for_tiny_a(tiny_a):
    for norm, result in losses_and_gradients(tiny_a, ["clip", "column"]).items():
        check(tiny_a, norm, result)


def test_every_loss_term_and_every_parameter_gradient_is_torchvisions_for_tiny_b(tiny_b):
    for norm, result in losses_and_gradients(tiny_b, ["clip"]).items():
        check(tiny_b, norm, result)
