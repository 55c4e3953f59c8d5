import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax import optim


def test_the_rate_scales_linearly_from_a_batch_of_64():
    assert optim.scaled_rate(1e-4, 64) == pytest.approx(1e-4)
    assert optim.scaled_rate(1e-4, 8) == pytest.approx(1.25e-5)  # The paper trains at 8.


def test_warmup_cosine_climbs_to_the_peak_and_ends_at_the_final_fraction():
    rate = optim.warmup_cosine(2.0, total_steps=100, warmup_fraction=0.1, final_fraction=0.01)
    assert rate(0) == 0
    assert rate(5) == pytest.approx(1.0)
    assert rate(10) == pytest.approx(2.0)
    assert rate(55) == pytest.approx((2.0 + 0.02) / 2)  # Half-way down the cosine.
    assert rate(100) == pytest.approx(0.02)
    values = np.array([rate(step) for step in range(101)])
    assert (np.diff(values[:11]) > 0).all()
    assert (np.diff(values[10:]) < 0).all()


def test_without_warmup_the_first_step_is_at_the_peak():
    assert optim.warmup_cosine(2.0, total_steps=100, warmup_fraction=0.0, final_fraction=1.0)(0) == 2.0


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
    np.testing.assert_allclose(updates["kernel"], [-0.1 - 0.1 * 0.01 * 2, 0.1 + 0.1 * 0.01 * 4], rtol=1e-4)


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
    # Through Adam a single clipped step looks alike, so look at the moments: m = (1 - b1) * clipped gradient.
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
