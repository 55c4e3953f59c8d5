import json
import subprocess
import sys

import jax
import numpy as np
import pytest
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, VideoSwinConfig, convert, create, torch_names

from .conftest import REFERENCE

# A small classifier with every kind of parameter. Fits no preset.
CONFIG = VideoSwinConfig(
    embed_dim=8, depths=(2, 1), num_heads=(2, 4), patch_size=(2, 2, 3), window_size=(2, 2, 2), num_classes=5
)


def state_dict(params, config=CONFIG, layout="torchvision") -> dict:
    """The inverse of `params_of`, written out here so that it checks the transpositions."""
    state = {}
    for path, value in torch_names.flatten(params).items():
        value = np.asarray(value)
        if path == "patch_embed/proj/kernel":
            value = value.reshape(*config.patch_size, 3, config.embed_dim).transpose(4, 3, 0, 1, 2)
        elif path.endswith("/kernel"):
            value = value.T
        state[torch_names.torch_name(path, layout)] = np.ascontiguousarray(value)
    return state


@pytest.fixture(scope="module")
def params():
    return jax.tree.map(np.asarray, create(CONFIG, jax.random.key(0))[1])


def same(first, second) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, first, second))


@pytest.mark.parametrize("layout", ["torchvision", "official"])
def test_a_state_dict_of_either_layout_gives_the_parameters_back(params, layout):
    assert same(convert.params_of(state_dict(params, layout=layout), CONFIG, "file"), params)


def test_official_names_are_those_of_the_release(params):
    names = state_dict(params, layout="official")
    assert {
        "backbone.patch_embed.proj.weight",
        "backbone.layers.0.blocks.1.attn.relative_position_bias_table",
        "backbone.layers.0.blocks.0.mlp.fc1.weight",
        "backbone.layers.0.downsample.reduction.weight",
        "backbone.layers.1.blocks.0.attn.qkv.bias",
        "backbone.norm.bias",
        "cls_head.fc_cls.weight",
    } < names.keys()


def test_index_buffers_are_dropped(params):
    buffers = {
        "features.0.1.attn.relative_position_index": np.zeros((8, 8), np.float32),
        "features.0.1.attn_mask": np.zeros(1, np.float32),
    }
    assert same(convert.params_of(state_dict(params) | buffers, CONFIG, "file"), params)


def test_missing_unused_and_misshaped_names_are_listed_and_nothing_is_loaded(params):
    state = state_dict(params)
    state["extra.weight"] = state.pop("norm.weight")
    state["head.bias"] = np.zeros(6, np.float32)
    with pytest.raises(UserError) as caught:
        convert.params_of(state, CONFIG, "some.pth")
    message = str(caught.value)
    assert message.startswith("some.pth does not fit the model")
    assert "1 missing (norm.weight)" in message
    assert "1 unused (extra.weight)" in message
    assert "1 mis-shaped (head.bias (6,) for (5,))" in message


def test_a_long_list_of_mismatches_is_cut(params):
    state = {name: value for name, value in state_dict(params).items() if name.startswith("head")}
    with pytest.raises(UserError, match=r"\.\.\.\)") as caught:
        convert.params_of(state, CONFIG, "some.pth")
    assert len(str(caught.value)) < 600


def test_a_file_of_another_kind_of_model_is_refused():
    with pytest.raises(UserError, match="no Video Swin classifier"):
        convert.params_of({"fc.weight": np.zeros((2, 2), np.float32)}, CONFIG, "resnet.pth")


def test_converted_directory_gives_config_and_parameters_back(params, tmp_path):
    convert.save_converted(tmp_path / "swin", CONFIG, params)
    config, loaded = convert.load_converted(tmp_path / "swin")
    assert config == CONFIG
    assert same(loaded, params)
    assert [path.name for path in tmp_path.iterdir()] == ["swin"]


def test_an_existing_directory_is_not_overwritten(params, tmp_path):
    (tmp_path / "swin").mkdir()
    with pytest.raises(UserError, match="exists already"):
        convert.save_converted(tmp_path / "swin", CONFIG, params)
    assert not list((tmp_path / "swin").iterdir())


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="empty"):
        convert.save_converted(tmp_path / "swin", CONFIG, {})
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_no_converted_one_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no model\.json"):
        convert.load_converted(tmp_path)


def test_the_command_converts_a_file_and_says_what_it_wrote(tmp_path, capsys):
    config = PRESETS["micro"]
    params = create(config, jax.random.key(0))[1]
    safetensors.numpy.save_file(state_dict(params, config), tmp_path / "micro.safetensors")
    out = tmp_path / "out" / "micro"
    assert convert.main([str(tmp_path / "micro.safetensors"), "--model", "micro", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: Video Swin micro, 8 classes, 324,758 parameters.\n"
    assert json.loads((out / "model.json").read_text())["embed_dim"] == 48
    assert same(convert.load_converted(out)[1], params)


def test_a_mistake_is_one_sentence_and_status_2(tmp_path):
    source = REFERENCE / "tiny_a.safetensors"
    command = [sys.executable, "-m", "albar_jax.models.convert", source, "--model", "micro", "--out", tmp_path / "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "does not fit the model" in done.stderr
    assert not list(tmp_path.iterdir())
