"""Tests which network of a weight file is read: one, in any wrapper, or none."""

import json
import pickle

import jax
import numpy as np
import pytest
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, create
from albar_jax.weights import loading, torch_files, torch_params
from albar_jax.weights.converted import save_converted

CONFIG = PRESETS["resnet_micro"]


@pytest.fixture(scope="module")
def state():
    """Returns the state dict of a small ResNet with torchvision's names."""
    return torch_params.state_dict_of(create(CONFIG, jax.random.key(0))[1], CONFIG)


@pytest.fixture
def read(tmp_path):
    def read_back(content, which=""):
        (tmp_path / "x.pth").write_bytes(pickle.dumps(content))
        return torch_files.read_state_dict(f"{tmp_path / 'x.pth'}{which}")

    return read_back


def prefixed(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def shifted(state):
    return {name: np.asarray(value + 1) for name, value in state.items()}


def same(loaded, state):
    if loaded.keys() != state.keys():
        return False
    return all(np.array_equal(loaded[name], state[name]) for name in state)


WRAPPERS = (
    "state_dict",
    "model",
    "model_state",
    "model_state_dict",
    "module",
    "network",
    "net",
    "state_dict_ema",
)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    "prefix", ["", "module.", "model.", "_orig_mod.", "net._orig_mod.module.", "student."]
)
def test_a_network_is_found_in_every_wrapper_and_behind_every_prefix(read, state, wrapper, prefix):
    assert same(read({wrapper: prefixed(prefix, state), "epoch": 3}), state)
    assert same(read({"epoch": 3, **prefixed(prefix, state)}), state)


def test_names_of_compiled_and_sharded_parts_are_read(read, state):
    inside = {
        name.replace("layer1.0.", "layer1.0._orig_mod."): value for name, value in state.items()
    }
    inside = {
        name.replace("layer2.", "layer2._fsdp_wrapped_module."): value
        for name, value in inside.items()
    }

    assert same(read(inside), state)


def test_what_is_beside_the_network_is_left_out(read, state):
    counted = {
        "n_averaged": np.array(3),
        **prefixed("module.", state),
        "criterion.weight": np.ones(3, np.float32),
    }

    assert same(read(counted), state)


def test_one_of_several_networks_has_to_be_named(read, state):
    average = shifted(state)
    dotless = {f"ema_{name.replace('.', '_')}": value for name, value in average.items()}

    for content, names in (
        ({"model": state, "model_ema": average}, ("model", "model_ema")),
        (
            {"student": prefixed("module.", state), "teacher": average},
            ("student.module", "teacher"),
        ),
        (
            {"state_dict": {**prefixed("q.", state), **prefixed("k.", average)}},
            ("state_dict.q", "state_dict.k"),
        ),
        ({"state_dict": {**state, **dotless}}, ("state_dict", "state_dict.ema")),
        ({**state, "model_ema": average}, ("whole", "model_ema")),
    ):
        with pytest.raises(
            UserError,
            match=f"holds 2 networks, {', '.join(names)}: say which, as in '.*#{names[1]}'",
        ):
            read(content)
        assert same(read(content, f"#{names[0]}"), state)
        assert same(read(content, f"#{names[1]}"), average)
        with pytest.raises(UserError, match="holds no network 'other'; it holds"):
            read(content, "#other")


def test_one_network_in_two_places_is_one(read, state):
    assert same(read({"model": state, "model_ema": dict(state)}), state)


def test_the_numbers_of_an_optimiser_are_no_network(read, state):
    content = {"module": state, "optimizer": {"state": {0: {"exp_avg": np.ones(3, np.float32)}}}}
    assert same(read(content), state)


def test_shards_are_read_by_their_index(tmp_path, state):
    names = list(state)
    parts = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = tmp_path / "model.safetensors.index.json"
    for part, held in zip(parts, (names[:9], names[9:]), strict=True):
        safetensors.numpy.save_file({name: state[name] for name in held}, tmp_path / part)

    content = {
        "metadata": {},
        "weight_map": {name: parts[place >= 9] for place, name in enumerate(names)},
    }
    index.write_text(json.dumps(content))

    assert same(torch_files.read_state_dict(index), state)
    with pytest.raises(
        UserError,
        match=r"is one of 2 files of a network; give their index, model\.safetensors\.index\.json",
    ):
        torch_files.read_state_dict(tmp_path / parts[0])

    (tmp_path / parts[1]).unlink()

    with pytest.raises(
        UserError,
        match="names the file 'model-00002-of-00002.safetensors', which is not in its folder",
    ):
        torch_files.read_state_dict(index)
    for text in ("{}", "[]", "junk"):
        index.write_text(text)
        with pytest.raises(UserError, match="is not an index of weight files"):
            torch_files.read_state_dict(index)


def test_folders_of_other_programs_say_what_to_give(tmp_path):
    for name, words in (
        ("model.safetensors", r"give the file in it, model\.safetensors"),
        ("zero_to_fp32.py", "a checkpoint of DeepSpeed"),
        ("__0_0.distcp", "a distributed checkpoint of PyTorch"),
    ):
        (tmp_path / name).touch()
        with pytest.raises(UserError, match=f"holds no model.json: .*; .*{words}"):
            loading.load(str(tmp_path))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_with_the_first_array(tmp_path, state, value):
    broken = {name: array.copy() for name, array in state.items()}
    broken["fc.bias"][1] = value
    safetensors.numpy.save_file(broken, tmp_path / "x.safetensors")
    (tmp_path / "x.pth").write_bytes(pickle.dumps(broken))

    for name in ("x.safetensors", "x.pth"):
        with pytest.raises(
            UserError, match=rf"{name} holds numbers that are not finite .*, fc\.bias first"
        ):
            loading.load(str(tmp_path / name))


def test_numbers_too_large_for_float32_are_refused(tmp_path, state):
    broken = state | {"fc.bias": np.full(state["fc.bias"].shape, 1e300)}
    (tmp_path / "x.pth").write_bytes(pickle.dumps(broken))

    with pytest.raises(
        UserError, match=r"not finite \(NaN, or too large for float32\), fc\.bias first"
    ):
        loading.load(str(tmp_path / "x.pth"))


def test_a_folder_of_ours_that_is_not_finite_is_refused(tmp_path):
    params = create(CONFIG, jax.random.key(0))[1]
    params["head"]["bias"] = params["head"]["bias"].at[0].set(np.nan)
    save_converted(tmp_path / "folder", CONFIG, params)

    with pytest.raises(
        UserError, match="folder holds numbers that are not finite .*, head/bias first"
    ):
        loading.load(str(tmp_path / "folder"))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool])
def test_quantised_weights_are_refused_by_name(tmp_path, state, dtype):
    (tmp_path / "x.pth").write_bytes(
        pickle.dumps(state | {"fc.weight": state["fc.weight"].astype(dtype)})
    )

    with pytest.raises(
        UserError, match=rf"holds {np.dtype(dtype)} numbers where weights belong, fc\.weight first"
    ):
        loading.load(str(tmp_path / "x.pth"))


def test_a_named_network_has_the_classes_file_of_its_file(tmp_path):
    (tmp_path / "x.pth").touch()
    expected = tmp_path / "x.pth.classes.txt"

    assert (
        loading.classes_file(tmp_path / "x.pth")
        == loading.classes_file(f"{tmp_path}/x.pth#ema")
        == expected
    )

    (tmp_path / "x#1.pth").touch()

    assert loading.classes_file(tmp_path / "x#1.pth") == tmp_path / "x#1.pth.classes.txt"


def test_lists_are_looked_into_and_endless_contents_end(read, state):
    assert same(read((state, 3)), state)

    endless = {"model": state}
    endless |= {f"again{i}": endless for i in range(100)}
    endless["list"] = [endless]

    assert same(read(endless), state)
