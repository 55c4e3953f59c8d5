import dataclasses

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.models import PRESETS
from albar_jax.weights import recognise, torch_files, torch_params
from albar_jax.weights.name_tables import MMACTION2, OFFICIAL, SWIN_TABLES, TORCHVISION
from albar_jax.weights.trees import flatten, unflatten

from .conftest import CONFIG, REFERENCE, same, state_dict

NAMES = {
    "torchvision": {
        "patch_embed.proj.weight",
        "patch_embed.norm.bias",
        "features.0.1.attn.relative_position_bias_table",
        "features.0.0.mlp.0.weight",
        "features.0.0.mlp.3.bias",
        "features.1.reduction.weight",
        "features.2.0.attn.qkv.bias",
        "norm.bias",
        "head.weight",
    },
    "official": {
        "backbone.patch_embed.proj.weight",
        "backbone.patch_embed.norm.bias",
        "backbone.layers.0.blocks.1.attn.relative_position_bias_table",
        "backbone.layers.0.blocks.0.mlp.fc1.weight",
        "backbone.layers.0.blocks.0.mlp.fc2.bias",
        "backbone.layers.0.downsample.reduction.weight",
        "backbone.layers.1.blocks.0.attn.qkv.bias",
        "backbone.norm.bias",
        "cls_head.fc_cls.weight",
    },
    "torchvision image": {
        "features.0.0.weight",
        "features.0.2.bias",
        "features.1.1.attn.relative_position_bias_table",
        "features.1.0.mlp.0.weight",
        "features.2.reduction.weight",
        "features.3.0.attn.qkv.bias",
        "norm.bias",
        "head.weight",
    },
    "microsoft": {
        "patch_embed.proj.weight",
        "patch_embed.norm.bias",
        "layers.0.blocks.1.attn.relative_position_bias_table",
        "layers.0.blocks.0.mlp.fc1.weight",
        "layers.0.downsample.reduction.weight",
        "layers.1.blocks.0.attn.qkv.bias",
        "norm.bias",
        "head.weight",
    },
}
NAMES["mmaction2"] = NAMES["official"] - {"backbone.norm.bias"} | {"backbone.norm3.bias"}
NAMES["timm"] = NAMES["microsoft"] - {"layers.0.downsample.reduction.weight", "head.weight"} | {
    "layers.1.downsample.reduction.weight",
    "head.fc.weight",
}


@pytest.mark.parametrize("layout", SWIN_TABLES)
def test_names_are_those_of_the_release_and_give_the_parameters_back(params, layout):
    table = SWIN_TABLES[layout]
    state = state_dict(params, table=table)

    assert state.keys() > NAMES[layout]
    assert recognise.table_of(state, "file") is table
    assert same(torch_params.params_of(state, table, CONFIG, "file"), params)


def test_buffers_are_dropped(params):
    buffers = {
        "features.0.1.attn.relative_position_index": np.zeros((8, 8), np.float32),
        "features.0.1.attn_mask": np.zeros(1, np.float32),
        "data_preprocessor.mean": np.zeros((3, 1, 1, 1), np.float32),
    }

    assert same(
        torch_params.params_of(state_dict(params) | buffers, TORCHVISION, CONFIG, "file"), params
    )


def test_missing_unused_and_misshaped_names_are_listed_and_nothing_is_loaded(params):
    state = state_dict(params)
    state["extra.weight"] = state.pop("norm.weight")
    state["head.bias"] = np.zeros(6, np.float32)

    with pytest.raises(UserError) as caught:
        torch_params.params_of(state, TORCHVISION, CONFIG, "some.pth")

    message = str(caught.value)

    assert message.startswith("some.pth does not fit the model")
    assert "1 missing (norm.weight)" in message
    assert "1 unused (extra.weight)" in message
    assert "1 mis-shaped (head.bias (6,) for (5,))" in message


def test_a_long_list_of_mismatches_is_cut(params):
    landmarks = TORCHVISION.landmarks
    state = {name: value for name, value in state_dict(params).items() if name in landmarks}

    with pytest.raises(UserError, match=r"\.\.\.\)") as caught:
        torch_params.params_of(state, TORCHVISION, CONFIG, "some.pth")
    assert len(str(caught.value)) < 600


def test_a_file_of_another_kind_of_model_is_refused():
    with pytest.raises(UserError, match=r"resnet\.pth holds no Swin"):
        recognise.table_of({"fc.weight": np.zeros((2, 2), np.float32)}, "resnet.pth")


def test_a_detectors_checkpoint_is_refused_by_what_it_lacks(params):
    state = state_dict(params, table=OFFICIAL)
    del state["cls_head.fc_cls.weight"], state["cls_head.fc_cls.bias"]
    state |= {
        "backbone.norm3.weight": state["backbone.norm.weight"],
        "roi_head.bbox_head.fc_cls.weight": np.zeros(2),
    }

    with pytest.raises(
        UserError, match=r"has blocks, but no cls_head\.fc_cls\.weight; is it a detector, or"
    ):
        recognise.table_of(state, "mask_rcnn.pth")


@pytest.mark.parametrize("name", ["patch_embed.proj.weight", "head.weight"])
@pytest.mark.parametrize("shape", [(), (5,), (5, 8, 1)])
def test_what_tells_the_size_but_has_another_number_of_dimensions_is_refused(params, name, shape):
    with pytest.raises(
        UserError,
        match=rf"x\.pth is not a Swin: {name} has the shape \({', '.join(map(str, shape))},?\)",
    ):
        recognise.table_of(state_dict(params) | {name: np.zeros(shape, np.float32)}, "x.pth")


def test_a_state_dict_tells_its_preset_and_classes():
    config = dataclasses.replace(PRESETS["micro"], num_classes=11)
    sizes = flatten(torch_params.param_shapes(config))
    zeros = {path: np.zeros(leaf.shape, np.float32) for path, leaf in sizes.items()}
    state = state_dict(unflatten(zeros), config, MMACTION2)

    assert recognise.config_of(state, MMACTION2, None, "file") == config


def test_another_size_is_refused_in_terms_of_sizes(params):
    state = state_dict(params)

    with pytest.raises(
        UserError,
        match=r"embed_dim 8 and depths \(2, 1\), which is none of tiny, small, base, micro",
    ):
        recognise.config_of(state, TORCHVISION, None, "file")
    with pytest.raises(
        UserError,
        match=r"embed_dim 8 and depths \(2, 1\), but the config says 96 and \(2, 2, 18, 2\)",
    ):
        recognise.config_of(state, TORCHVISION, PRESETS["small"], "file")
    with pytest.raises(UserError, match="it fits the preset 'micro'"):
        recognise.config_of(state_dict_of_preset("micro"), TORCHVISION, PRESETS["small"], "file")


def state_dict_of_preset(name) -> dict:
    shapes = flatten(torch_params.param_shapes(PRESETS[name]))
    return {
        TORCHVISION.torch_name(path): np.zeros(leaf.shape[::-1]) for path, leaf in shapes.items()
    }


def test_there_and_back_is_the_identity_for_torchvisions_weights(tiny_a):
    original = torch_files.read_state_dict(REFERENCE / "tiny_a.safetensors")
    state = torch_params.state_dict_of(tiny_a.params, tiny_a.config)
    buffers = {
        name: state.pop(name) for name in list(state) if name.endswith("relative_position_index")
    }

    assert state.keys() == original.keys()
    for name, value in original.items():
        assert state[name].dtype == np.float32
        assert np.array_equal(state[name], value), name
    assert len(buffers) == sum(tiny_a.config.depths)

    tokens = np.prod(tiny_a.config.window_size)

    assert {(index.shape, index.dtype.name) for index in buffers.values()} == {
        ((tokens, tokens), "int64")
    }


def test_back_and_there_is_the_identity_for_our_parameters(params):
    state = torch_params.state_dict_of(params, CONFIG)
    assert same(torch_params.params_of(state, TORCHVISION, CONFIG, "file"), params)
