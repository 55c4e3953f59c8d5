"""MGFN's weights in PyTorch's names: in, out, and refused."""

import jax
import numpy as np
import pytest
from flax import nnx

from albar_jax.downstream.mgfn import network
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.names import MGFN
from albar_jax.errors import UserError
from albar_jax.types import BATCH_STATS
from albar_jax.weights import torch_files
from albar_jax.weights.state_dicts import from_state_dict, to_state_dict
from albar_jax.weights.trees import flatten

from .mgfn_golden import CONFIG, COUNTER, GOLDEN, WIDTH, load, named

KEY = jax.random.key(0)


def parameters(weights) -> dict:
    return flatten({name: value for name, value in weights.items() if name != BATCH_STATS})


def test_a_round_trip_through_a_file_is_the_identity(tmp_path):
    theirs = named("w1/")
    counters = {name[3:]: GOLDEN[name] for name in GOLDEN if name[:3] == "w1/" and COUNTER in name}
    torch_files.write_state_dict(tmp_path / "mgfn.safetensors", theirs | counters)
    state = torch_files.read_state_dict(tmp_path / "mgfn.safetensors")
    _, template = network.create(CONFIG, WIDTH, jax.random.key(0))
    ours = to_state_dict(from_state_dict(state, MGFN, template, "file"), MGFN)

    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert np.array_equal(value, theirs[name]), name


@pytest.mark.parametrize("channels", [(2048, 28_652_773), (768, 28_407_013)])
def test_the_published_network_has_the_number_of_weights_of_the_original(channels):
    width, count = channels
    shapes = nnx.state(nnx.eval_shape(lambda: network.Mgfn(MgfnConfig(), width)), nnx.Param)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc.weight"), "1 missing .fc.weight."),
        (lambda state: state.update(extra=np.zeros(3, np.float32)), "1 unused .extra."),
        (lambda state: state.update({"fc.bias": np.zeros(2, np.float32)}), "fc.bias .2,. for .1,."),
        (lambda state: state["fc.bias"].fill(np.nan), "not finite .*fc.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, message):
    _, template = load()
    state = {name: value.copy() for name, value in named("w/").items()}
    change(state)
    with pytest.raises(UserError, match=message):
        from_state_dict(state, MGFN, template, "file")


def test_initial_weights_are_those_of_pytorchs_layers():
    config = MgfnConfig(dims=(64, 128), depths=(1, 1), blocks=("glance", "focus"))
    flat = parameters(network.create(config, 32, KEY)[1])
    for path, value in flat.items():
        kernel = flat.get(path.rpartition("/")[0] + "/kernel")
        if kernel is None:
            assert np.all(np.asarray(value) == path.endswith("/scale")), path
            continue

        fan_in = np.prod(kernel.shape[:-1])
        largest = np.sqrt(fan_in) * np.abs(value).max()
        assert largest <= 1 + 1e-6, path
        # All of the range is used.
        assert value.size < 50 or largest > 0.9, path
        assert value.size < 1000 or np.isclose(np.sqrt(3 * fan_in) * np.std(value), 1, atol=0.1)


def test_initial_weights_follow_from_the_key():
    first, again, other = (
        parameters(network.create(CONFIG, WIDTH, jax.random.key(seed))[1]) for seed in (0, 0, 1)
    )
    assert all(np.array_equal(first[path], again[path]) for path in first)
    assert not np.array_equal(first["head/kernel"], other["head/kernel"])
