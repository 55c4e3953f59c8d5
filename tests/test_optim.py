import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from albar_jax.config import scaled_lr
from albar_jax.models import PRESETS, create
from albar_jax.train import optim
from albar_jax.types import BATCH_STATS


def test_the_learning_rate_scales_linearly_from_its_reference_batch():
    assert scaled_lr(1e-4, 64, 64) == pytest.approx(1e-4)
    # The paper trains at 8.
    assert scaled_lr(1e-4, 8, 64) == pytest.approx(1.25e-5)
    assert scaled_lr(1e-4, 8, None) == 1e-4


def test_warmup_cosine_climbs_to_the_peak_and_ends_at_the_final_fraction():
    rate = optim.warmup_cosine(2.0, total_steps=100, warmup_fraction=0.1, final_fraction=0.01)
    assert rate(0) == 0
    assert rate(5) == pytest.approx(1.0)
    assert rate(10) == pytest.approx(2.0)
    # Half-way down the cosine.
    assert rate(55) == pytest.approx((2.0 + 0.02) / 2)
    assert rate(100) == pytest.approx(0.02)
    values = np.array([rate(step) for step in range(101)])
    assert (np.diff(values[:11]) > 0).all()
    assert (np.diff(values[10:]) < 0).all()


def test_without_warmup_the_first_step_is_at_the_peak():
    assert (
        optim.warmup_cosine(2.0, total_steps=100, warmup_fraction=0.0, final_fraction=1.0)(0) == 2.0
    )


def test_the_released_schedule_is_full_rate_then_five_epochs_up_then_a_cosine():
    rate = optim.released(1.0, total_steps=20 * 3, steps_per_epoch=3)
    by_epoch = [float(rate(3 * epoch)) for epoch in range(20)]
    warmup = [0.01, 0.2575, 0.505, 0.7525, 1.0]
    cosine = [(np.cos(x) + 1) / 2 for x in np.linspace(0, np.pi / 0.99, 20)[:14]]
    np.testing.assert_allclose(by_epoch, [1.0, *warmup, *cosine], rtol=1e-5)
    assert [float(rate(step)) for step in (3, 4, 5)] == [pytest.approx(0.01)] * 3


def test_the_steps_are_a_tenth_at_forty_and_a_hundredth_at_eighty_percent():
    rate = optim.steps(2.0, total_steps=50)
    factors = [float(rate(step)) / 2 for step in range(50)]
    np.testing.assert_allclose(factors, [1.0] * 20 + [0.1] * 20 + [0.01] * 10, rtol=1e-6)


def one_update(params, gradients, **options):
    defaults = {"weight_decay": 0.0, "b1": 0.9, "b2": 0.999, "clip_norm": None}
    optimizer = optim.adamw(lambda step: 0.1, **(defaults | options))
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    return updates


def test_the_first_adamw_step_is_the_sign_of_the_gradient_and_the_decay():
    params = {"kernel": jnp.array([2.0, -4.0])}
    updates = one_update(params, {"kernel": jnp.array([3.0, -0.5])}, weight_decay=0.01)
    np.testing.assert_allclose(
        updates["kernel"], [-0.1 - 0.1 * 0.01 * 2, 0.1 + 0.1 * 0.01 * 4], rtol=1e-4
    )


def test_sgd_is_torchs_with_the_decay_inside_the_momentum():
    optimizer = optim.sgd(lambda step: 0.1, weight_decay=0.5, momentum=0.9, clip_norm=None)
    rng = np.random.default_rng(0)
    params, velocity = {"kernel": jnp.asarray(rng.normal(size=3))}, np.zeros(3)
    state = optimizer.init(params)
    for gradient in rng.normal(size=(3, 3)):
        velocity = 0.9 * velocity + gradient + 0.5 * np.asarray(params["kernel"])
        updates, state = optimizer.update({"kernel": jnp.asarray(gradient)}, state, params)
        np.testing.assert_allclose(updates["kernel"], -0.1 * velocity, rtol=1e-5)
        params = {"kernel": params["kernel"] + updates["kernel"]}


def test_sgd_clips_the_gradient_before_the_decay():
    optimizer = optim.sgd(lambda step: 1.0, weight_decay=0.5, momentum=0.0, clip_norm=1.0)
    params = {"kernel": jnp.array([8.0])}
    updates, _ = optimizer.update({"kernel": jnp.array([30.0])}, optimizer.init(params), params)
    np.testing.assert_allclose(updates["kernel"], [-5.0], rtol=1e-6)


def test_decay_can_spare_norms_biases_and_bias_tables():
    params = {name: jnp.array([2.0]) for name in ("kernel", "bias", "scale", "position_bias")}
    zero = {name: jnp.array([0.0]) for name in params}
    decayed = one_update(params, zero, weight_decay=0.5)
    spared = one_update(params, zero, weight_decay=0.5, decay="kernels")
    assert all(update[0] == pytest.approx(-0.1) for update in decayed.values())
    assert {name: float(update[0]) for name, update in spared.items() if update[0] != 0} == {
        "kernel": pytest.approx(-0.1)
    }


def test_clipping_bounds_the_global_norm():
    # Adam hides the clipping of a first step, so look at the moments:
    # m = (1 - b1) * clipped gradient.
    optimizer = optim.adamw(lambda step: 0.1, weight_decay=0.0, b1=0.9, b2=0.999, clip_norm=1.0)
    params = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    _, state = optimizer.update(params, optimizer.init(params), params)
    moments = list(_leaves(state, "mu"))
    np.testing.assert_allclose(np.concatenate(moments), [0.06, 0.08], rtol=1e-5)


def _leaves(state, name):
    for part in state:
        if hasattr(part, name):
            yield from getattr(part, name).values()
        elif isinstance(part, tuple):
            yield from _leaves(part, name)


def test_a_warm_up_that_fills_a_short_run_leaves_it_a_last_step():
    rate = optim.warmup_cosine(2.0, total_steps=3, warmup_fraction=0.99, final_fraction=0.0)
    np.testing.assert_allclose([rate(step) for step in range(4)], [0, 1, 2, 0], atol=1e-6)


def test_a_warm_up_can_begin_at_a_share_of_the_peak():
    rate = optim.warmup_cosine(2.0, 100, warmup_fraction=0.1, final_fraction=0.0, warmup_start=0.1)
    np.testing.assert_allclose([rate(0), rate(5), rate(10)], [0.2, 1.1, 2.0], rtol=1e-6)


def mmcv_rates(
    peak: float, num_epochs: int, steps_per_epoch: int, warmup_epochs: float, start: float
) -> list[float]:
    """Returns the rate of each step, as mmcv's CosineAnnealing sets it hook by hook."""
    rates = []
    warmup_steps = warmup_epochs * steps_per_epoch
    for epoch in range(num_epochs):
        # The hook before an epoch.
        regular = 0.5 * peak * (np.cos(np.pi * epoch / num_epochs) + 1)
        rate = regular

        # The hook before a step.
        for step in range(epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch):
            if step == warmup_steps:
                rate = regular
            elif step < warmup_steps:
                rate = regular * (1 - (1 - step / warmup_steps) * (1 - start))
            rates.append(rate)

    return rates


@pytest.mark.parametrize("steps_per_epoch", [4, 148, 149, 1])
def test_the_epoch_cosine_is_mmcvs(steps_per_epoch):
    """StillMix has 30 epochs, and a warm-up of 2.5 epochs from a tenth of the peak.

    With 149 steps per epoch the warm-up has 372.5 steps.
    """
    total = 30 * steps_per_epoch
    shape = {"warmup_fraction": 2.5 / 30, "warmup_start": 0.1, "final_fraction": 0.0}
    rate = optim.epoch_cosine(3.75e-5, total, steps_per_epoch, **shape)
    expected = mmcv_rates(3.75e-5, 30, steps_per_epoch, 2.5, 0.1)
    np.testing.assert_allclose(np.asarray(rate(np.arange(total))), expected, rtol=2e-5, atol=1e-12)
    assert expected[0] == pytest.approx(3.75e-6)


def test_the_epoch_cosine_without_warm_up_is_a_staircase_to_the_final_fraction():
    rate = optim.epoch_cosine(2.0, 8, 2, warmup_fraction=0.0, warmup_start=0.1, final_fraction=0.5)
    falls = [2, 2 * (0.5 + 0.5 * (1 + 0.5**0.5) / 2), 1.5, 2 * (0.5 + 0.5 * (1 - 0.5**0.5) / 2)]
    np.testing.assert_allclose(np.asarray(rate(np.arange(8))), np.repeat(falls, 2), rtol=1e-6)


def torch_adamw(params, gradients, *, rate, decay, b1=0.9, b2=0.999, eps=1e-8):
    """Runs torch.optim.AdamW with a parameter group for each parameter: its own rate and decay."""
    params = {name: value.astype(float) for name, value in params.items()}
    first = second = dict.fromkeys(params, 0.0)
    for step, gradient in enumerate(gradients, start=1):
        first = {name: b1 * first[name] + (1 - b1) * gradient[name] for name in params}
        second = {name: b2 * second[name] + (1 - b2) * gradient[name] ** 2 for name in params}
        for name in params:
            params[name] = params[name] * (1 - rate[name] * decay[name])
            step_size = rate[name] * np.sqrt(1 - b2**step) / (1 - b1**step)
            params[name] -= (
                step_size * first[name] / (np.sqrt(second[name]) + eps * np.sqrt(1 - b2**step))
            )
    return params


def mmcv_groups(
    names: list[str], rate: float, weight_decay: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the rate and decay of each parameter, as mmcv reads StillMix's config.

    Only the longest key that a name contains counts.
    """
    keys = {
        "relative_position_bias_table": (1, 0),
        "absolute_pos_embed": (1, 0),
        "backbone": (0.1, 1),
        "norm": (1, 0),
    }
    assert list(keys) == sorted(sorted(keys), key=len, reverse=True)

    rates = {}
    decays = {}
    for name in names:
        rate_factor, decay_factor = next((keys[key] for key in keys if key in name), (1, 1))
        rates[name] = rate * rate_factor
        decays[name] = weight_decay * decay_factor

    return rates, decays


def test_the_groups_of_mmcv_spare_the_tables_alone_and_give_them_the_rate_of_the_head():
    names = {
        "norm.scale": "backbone.layers.0.blocks.0.norm1.weight",
        "norm.bias": "backbone.layers.0.blocks.0.norm1.bias",
        "linear.kernel": "backbone.layers.0.blocks.0.attn.qkv.weight",
        "linear.bias": "backbone.layers.0.blocks.0.attn.qkv.bias",
        "attn.position_bias": "backbone.layers.0.blocks.0.attn.relative_position_bias_table",
        "head.kernel": "cls_head.fc_cls.weight",
    }
    rates, decays = mmcv_groups(list(names.values()), 0.1, 0.5)
    rng = np.random.default_rng(0)
    start, gradients = ({name: rng.normal(size=3) for name in names} for _ in range(2))
    expected = torch_adamw(
        start,
        [gradients] * 3,
        rate={ours: rates[theirs] for ours, theirs in names.items()},
        decay={ours: decays[theirs] for ours, theirs in names.items()},
    )
    updated = after(start, [gradients] * 3, weight_decay=0.5, decay="mmcv", head_rate=10.0)
    for name, value in expected.items():
        np.testing.assert_allclose(updated[name], value, rtol=2e-5, atol=5e-6, err_msg=name)


def after(start, gradients, **options):
    """Returns the parameters after steps of AdamW at a rate of 0.01."""
    optimizer = optim.adamw(lambda step: 0.01, b1=0.9, b2=0.999, clip_norm=None, **options)
    params = nested(start)
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(nested(gradient), state, params)
        params = optax.apply_updates(params, updates)
    return {
        f"{module}.{leaf}": value
        for module, leaves in params.items()
        for leaf, value in leaves.items()
    }


def test_adamw_with_a_faster_head_and_spared_norms_is_torchs_with_parameter_groups():
    rng = np.random.default_rng(0)
    names = [
        "norm.scale",
        "norm.bias",
        "linear.kernel",
        "linear.bias",
        "attn.position_bias",
        "head.kernel",
        "head.bias",
    ]
    start = {name: rng.normal(size=3) for name in names}
    gradients = [{name: rng.normal(size=3) for name in names} for _ in range(6)]
    spared = ("norm.scale", "norm.bias", "attn.position_bias")
    expected = torch_adamw(
        start,
        gradients,
        rate={name: 0.01 * (10 if name.startswith("head") else 1) for name in names},
        decay={name: 0.0 if name in spared else 0.5 for name in names},
    )
    updated = after(start, gradients, weight_decay=0.5, decay="no_norms", head_rate=10.0)
    for name, value in expected.items():
        np.testing.assert_allclose(updated[name], value, rtol=2e-5, atol=5e-6, err_msg=name)


def test_sgd_with_a_faster_head_is_torchs_with_parameter_groups():
    options = {"weight_decay": 0.5, "momentum": 0.9, "head_rate": 10.0, "clip_norm": None}
    params = {name: {"kernel": jnp.ones(2)} for name in ("backbone", "head", "heads")}
    optimizer = optim.sgd(lambda step: 0.1, **options)
    updates, _ = optimizer.update(
        jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params
    )
    moved = {name: float(update["kernel"][0]) for name, update in updates.items()}
    assert moved == {
        "backbone": pytest.approx(-0.05),
        "head": pytest.approx(-0.5),
        "heads": pytest.approx(-0.5),
    }


def test_one_rate_for_all_leaves_the_state_of_older_runs():
    params = {"head": {"kernel": jnp.ones(2)}}
    options = {"weight_decay": 0.5, "b1": 0.9, "b2": 0.999, "clip_norm": None}
    plain, same = (
        optim.adamw(lambda step: 0.1, **options, **more) for more in ({}, {"head_rate": 1.0})
    )
    assert jax.tree.structure(plain.init(params)) == jax.tree.structure(same.init(params))


@pytest.mark.parametrize("preset", ["micro", "resnet_micro"])
def test_the_parameters_of_the_networks_that_do_not_decay_are_norms_and_bias_tables(preset):
    shapes = jax.eval_shape(lambda: create(PRESETS[preset], jax.random.key(0))[1])
    learned = {name: value for name, value in shapes.items() if name != BATCH_STATS}
    decayed = optim.DECAYED["no_norms"](learned)
    spared = {
        ".".join(step.key for step in path)
        for path, is_in in jax.tree_util.tree_leaves_with_path(decayed)
        if not is_in
    }
    every = {
        ".".join(step.key for step in path)
        for path, _ in jax.tree_util.tree_leaves_with_path(decayed)
    }
    tables_and_scales = {
        name for name in every if name.split(".")[-1] in ("position_bias", "scale")
    }
    norm_biases = {
        f"{name.rpartition('.')[0]}.bias" for name in tables_and_scales if name.endswith("scale")
    }
    assert spared == tables_and_scales | (norm_biases & every)
    assert {"head.kernel", "head.bias"} <= every - spared
    if preset == "micro":
        assert {"stages.0.blocks.0.attention.qkv.bias", "patch_embed.proj.bias"} <= every - spared


def nested(flat):
    tree = {}
    for name, value in flat.items():
        module, leaf = name.split(".")
        tree.setdefault(module, {})[leaf] = jnp.asarray(value)
    return tree
