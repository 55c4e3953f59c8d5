"""Tests that a new head has the initial distribution of the code it is named after."""

import dataclasses

import jax
import numpy as np
import pytest

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.models import PRESETS, create
from albar_jax.models.head import with_new_head


@pytest.fixture(scope="module")
def weights():
    """Returns a tiny network with a wide head: 96 features, 4,000 classes."""
    config = dataclasses.replace(PRESETS["micro"], depths=(1, 1), num_classes=4000)
    return create(config, jax.random.key(0))[1]


def test_the_default_head_is_left_as_it_is(weights):
    assert with_new_head(weights, "default", jax.random.key(1)) is weights


def test_torchs_head_is_uniform_within_one_over_the_root_of_the_features(weights):
    head = with_new_head(weights, "torch", jax.random.key(1))["head"]
    bound = 96**-0.5

    for values in (head["kernel"], head["bias"]):
        assert 0.99 * bound < np.abs(values).max() <= bound
        # This is 0.021 for 768 features.
        assert np.std(values) == pytest.approx(bound / 3**0.5, rel=0.03)
        assert abs(np.mean(values)) < 0.03 * bound
    assert pytest.approx(0.021, abs=2e-4) == 768**-0.5 / 3**0.5


def test_the_head_of_i3d_is_normal_of_a_hundredth_without_bias(weights):
    head = with_new_head(weights, "i3d", jax.random.key(1))["head"]
    kernel = np.asarray(head["kernel"])

    assert kernel.std() == pytest.approx(0.01, rel=0.01)
    assert (np.abs(kernel) < 0.01).mean() == pytest.approx(0.683, abs=0.01)
    assert not np.any(head["bias"])


@pytest.mark.parametrize("preset", ["micro", "resnet_micro"])
@pytest.mark.parametrize("how", ["torch", "i3d"])
def test_a_config_names_its_head_and_the_rest_of_the_network_stays(preset, how, tiny_config):
    both = [
        wiring.model(parse(tiny_config(**{"model.preset": preset, "model.head_init": h})), 8)[1]
        for h in ("default", how)
    ]
    default, other = both

    assert not np.array_equal(default["head"]["kernel"], other["head"]["kernel"])

    without = [
        {name: value for name, value in weights.items() if name != "head"} for weights in both
    ]

    assert jax.tree.all(jax.tree.map(np.array_equal, *without))
