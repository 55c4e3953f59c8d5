import dataclasses
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, VideoSwinConfig, create
from albar_jax.models.layers import drop
from albar_jax.weights.torch_params import param_shapes

from .conftest import compiled, distance, run

# The smallest network with all features: two stages, shifted windows in t, h and w, and a merge
# that pads.
SMALL = VideoSwinConfig(
    embed_dim=8,
    depths=(2, 1),
    num_heads=(2, 2),
    patch_size=(1, 2, 2),
    window_size=(2, 2, 2),
    num_classes=5,
)
VIDEO = np.random.default_rng(0).normal(size=(2, 4, 10, 10, 3)).astype(np.float32)
KEY = jax.random.key(7)


def model(**changes):
    return create(dataclasses.replace(SMALL, **changes), jax.random.key(0))


def penalty(apply, params, video, key):
    """Returns the mean norm of the summed logits' gradient with respect to each clip.

    (ALBAR Eq. 4)
    """
    gradient = jax.grad(lambda video: apply(params, video, key).logits.sum())(video)
    return jnp.sqrt(jnp.sum(gradient**2, (1, 2, 3, 4))).mean()


@pytest.mark.parametrize(
    ("name", "count"), [("tiny", 28_158_070), ("small", 49_816_678), ("base", 88_048_984)]
)
def test_presets_have_as_many_parameters_as_torchvisions(name, count):
    shapes = param_shapes(dataclasses.replace(PRESETS[name], num_classes=400))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count


def test_parameters_are_a_plain_tree_with_string_keys():
    _, params = model()
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)

    assert all(type(key.key) is str for path, _ in leaves for key in path)
    assert type(params["stages"]["0"]["blocks"]["1"]["attention"]["qkv"]["kernel"]) is type(
        jnp.zeros(1)
    )


def test_initial_kernels_have_sd_one_over_root_fan_in():
    _, params = create(PRESETS["micro"], jax.random.key(0))
    mlp = params["stages"]["1"]["blocks"]["0"]["mlp"]

    for kernel, fan_in in (
        (params["patch_embed"]["proj"]["kernel"], 384),
        (mlp["fc2"]["kernel"], 384),
    ):
        assert kernel.shape[0] == fan_in
        assert np.std(kernel) == pytest.approx(fan_in**-0.5, rel=0.03)

    table = params["stages"]["1"]["blocks"]["0"]["attention"]["position_bias"]

    assert np.std(table) == pytest.approx(0.02, rel=0.05)
    assert not np.any(mlp["fc1"]["bias"])
    assert np.all(params["norm"]["scale"] == 1)


def test_initial_parameters_depend_on_the_key_alone():
    first, again, other = (create(SMALL, jax.random.key(seed))[1] for seed in (0, 0, 1))
    assert jax.tree.all(jax.tree.map(np.array_equal, first, again))
    assert not np.array_equal(first["head"]["kernel"], other["head"]["kernel"])


def test_evaluation_is_deterministic_and_ignores_all_rates():
    apply, params = model(drop_path_rate=0.9, head_dropout=0.9)
    plain, _ = model(drop_path_rate=0.0)

    assert np.array_equal(
        run(apply, params, VIDEO, None).logits, run(plain, params, VIDEO, None).logits
    )


def test_training_depends_on_the_key_alone():
    apply, params = model(drop_path_rate=0.5)
    first, again, other = (
        run(apply, params, VIDEO, jax.random.key(seed)).logits for seed in (0, 0, 1)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_stochastic_depth_drops_whole_clips_at_its_rate_and_keeps_the_mean():
    x = drop(jnp.ones((4000, 2, 3)), 0.3, KEY, per_clip=True)
    is_kept = np.asarray(x[:, 0, 0] > 0)

    assert is_kept.mean() == pytest.approx(0.7, abs=0.03)
    assert np.array_equal(
        x, np.where(is_kept, np.float32(1 / 0.7), 0)[:, None, None] * np.ones((1, 2, 3))
    )


def test_dropout_drops_each_feature_by_itself():
    x = drop(jnp.ones((40, 100)), 0.3, KEY, per_clip=False)
    assert 0 < np.mean(np.asarray(x[0]) == 0) < 1
    assert np.mean(np.asarray(x) == 0) == pytest.approx(0.3, abs=0.03)


def test_stochastic_depth_grows_linearly_from_none_to_the_full_rate():
    # All branches but one add nothing, so the output shows whether that one was dropped.
    apply, params = model(depths=(3,), num_heads=(2,), drop_path_rate=0.4)
    for block in params["stages"]["0"]["blocks"].values():
        for layer in (block["attention"]["proj"], block["mlp"]["fc2"]):
            layer["kernel"], layer["bias"] = (
                jnp.zeros_like(layer["kernel"]),
                jnp.zeros_like(layer["bias"]),
            )

    for name, rate in (("0", 0.0), ("1", 0.2), ("2", 0.4)):
        for branch in (("attention", "proj"), ("mlp", "fc2")):
            layer = params["stages"]["0"]["blocks"][name][branch[0]][branch[1]]
            changed = layer | {"bias": jnp.arange(8.0)}
            tree = jax.tree.map(lambda x: x, params)
            tree["stages"]["0"]["blocks"][name][branch[0]][branch[1]] = changed
            clips = np.zeros((1000, 1, 2, 2, 3), np.float32)
            features = run(apply, tree, clips, KEY).features
            # If its branch is dropped, a clip has the constant patch embedding, and its layer norm
            # is 0.
            assert np.mean(np.abs(features).max(-1) < 1e-3) == pytest.approx(rate, abs=0.05)


def test_attention_and_mlp_are_dropped_independently():
    apply, params = model(depths=(1, 1), drop_path_rate=0.5)
    block = params["stages"]["1"]["blocks"]["0"]
    for layer, direction in ((block["attention"]["proj"], 0), (block["mlp"]["fc2"], 1)):
        layer["kernel"] = jnp.zeros_like(layer["kernel"])
        layer["bias"] = 100.0 * jax.nn.one_hot(direction, 16)

    features = np.asarray(
        run(apply, params, np.repeat(VIDEO[:1, :1, :4, :4], 600, axis=0), KEY).features
    )
    attention, mlp = features[:, 0] > 1, features[:, 1] > 1

    for is_kept in (attention, mlp, attention & mlp, attention | mlp):
        assert 0.15 < is_kept.mean() < 0.85
    assert (attention & mlp).mean() == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("policy", ["full", "dots"])
def test_rematerialised_blocks_give_the_same_gradients_also_of_the_penalty(policy):
    apply, params = model(depths=(1, 1), drop_path_rate=0.3)
    remat, _ = model(depths=(1, 1), drop_path_rate=0.3, remat=policy)
    plain = run(jax.grad(lambda p: penalty(apply, p, VIDEO, KEY)), params)
    again = run(jax.grad(lambda p: penalty(remat, p, VIDEO, KEY)), params)

    assert (
        max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), plain, again)))
        < 1e-6
    )


@pytest.mark.parametrize(("remat", "whole"), [("none", True), ("full", False), ("dots", False)])
def test_rematerialised_attention_never_has_the_scores_of_all_windows(remat, whole):
    """The grid has 2 x 5 x 5 windows of 2 x 2 x 2 tokens; there are two clips and two heads."""
    apply, params = model(depths=(2,), num_heads=(2,), patch_size=(1, 1, 1), remat=remat)
    gradient = jax.jit(jax.grad(lambda p: penalty(apply, p, VIDEO, KEY)))
    shapes = re.findall(r"tensor<((?:\d+x)+8x8x)f32>", gradient.lower(params).as_text())
    largest = max(math.prod(map(int, shape.split("x")[:-1])) for shape in shapes)

    assert (largest >= 50 * 2 * 2 * 8 * 8) is whole


def test_what_is_written_for_cpus_is_the_same_network():
    def gradient(**changes):
        apply, params = model(drop_path_rate=0.3, **changes)

        def loss(params):
            return apply(params, VIDEO, KEY).logits.sum() + penalty(apply, params, VIDEO, KEY)

        return run(jax.grad(loss), params)

    assert max(jax.tree.leaves(jax.tree.map(distance, gradient(for_cpu=True), gradient()))) < 1e-5


def test_penalty_gradient_is_that_of_finite_differences():
    with jax.enable_x64(True):
        apply, params = model(depths=(2,), num_heads=(2,), dtype="float64", drop_path_rate=0.3)
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float64")}
        video = np.asarray(VIDEO[:, :2, :6, :6], np.float64)
        leaves, tree = jax.tree.flatten(params)
        generator = np.random.default_rng(1)
        direction = jax.tree.unflatten(tree, [generator.normal(size=leaf.shape) for leaf in leaves])

        def along(step):
            return penalty(
                apply, jax.tree.map(lambda p, d: p + step * d, params, direction), video, KEY
            )

        exact = run(jax.grad(along), 0.0)
        values = compiled(along, 0.0)
        finite = (8 * (values(1e-4) - values(-1e-4)) - (values(2e-4) - values(-2e-4))) / 12e-4
        assert float(exact) == pytest.approx(float(finite), rel=1e-7)


def test_linearised_gradients_are_the_plain_ones():
    apply, params = model(depths=(1, 1), drop_path_rate=0.3)

    def gradients(video):
        return jax.grad(lambda p, v: apply(p, v, KEY).logits.sum(), (0, 1))(params, video)

    tangent = jnp.ones_like(VIDEO)
    plain = run(lambda v: jax.jvp(gradients, (v,), (tangent,))[1][1], VIDEO)
    linear = run(lambda v: jax.linearize(gradients, v)[1](tangent)[1], VIDEO)

    assert distance(linear, plain) < 1e-5


def test_bfloat16_stays_within_three_percent_and_returns_float32(tiny_a):
    apply, _ = create(dataclasses.replace(tiny_a.config, dtype="bfloat16"), jax.random.key(0))
    outputs = run(lambda p, v: apply(p, v, None), tiny_a.params, tiny_a.values["video_bthwc"])
    assert outputs.logits.dtype == outputs.features.dtype == jnp.float32
    assert 1e-4 < distance(outputs.logits, tiny_a.values["logits"]) < 0.03


def test_bfloat16_multiplies_in_bfloat16_and_normalises_in_float32():
    apply, params = model(dtype="bfloat16")
    lines = str(jax.make_jaxpr(apply)(params, VIDEO, None)).splitlines()

    for name in ("exp", "rsqrt"):
        operations = [line for line in lines if f"= {name}" in line]
        assert operations
        assert all(":f32[" in line for line in operations)

    products = [line for line in lines if "= dot_general" in line]

    # Only attention scores (for the softmax) and the head have float32 products.
    assert sum(":f32[" in line for line in products) == sum(SMALL.depths) + 1


def test_a_clip_does_not_see_the_others_of_its_batch():
    apply, params = model()
    together = run(apply, params, VIDEO, None).logits
    alone = run(apply, params, VIDEO[1:], None).logits
    assert distance(alone, together[1:]) < 1e-5


def test_motion_is_seen():
    apply, params = model()
    outputs = run(apply, params, np.stack([VIDEO[0], VIDEO[0, ::-1]]), None)
    assert np.abs(outputs.logits[0] - outputs.logits[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_heads": (3, 3)}, "8 wide, which 3 heads do not divide"),
        ({"depths": (2,)}, "number of stages"),
        ({"window_size": (8, 7)}, "3 numbers"),
        ({"patch_size": (0, 4, 4)}, "whole numbers from 1"),
        ({"num_classes": 0}, "at least 1"),
        ({"drop_path_rate": 1.0}, "below 1"),
        ({"dtype": "float16"}, "choose float32 or bfloat16"),
    ],
)
def test_a_config_that_does_not_fit_together_is_refused_in_one_sentence(changes, words):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(SMALL, **changes)
