"""Converts between the parameters of TriDet and the original's `state_dict`, bit for bit."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.network import param_shapes
from albar_jax.types import Params
from albar_jax.weights import torch_files
from albar_jax.weights.name_rules import NameTable, Row
from albar_jax.weights.state_dicts import from_state_dict
from albar_jax.weights.torch_contents import StateDict, without_prefixes

# Where the original's checkpoints hold the moving average of the weights, which is tested.
AVERAGE = "state_dict_ema"


def _block(theirs: str, ours: str) -> tuple[Row, ...]:
    """Returns the rows of an SGP block."""
    return (
        (f"{theirs}.ln", f"{ours}/norm", "affine_norm"),
        (f"{theirs}.gn", f"{ours}/group_norm", "layer_norm"),
        (f"{theirs}.psi", f"{ours}/psi", "conv1d"),
        (f"{theirs}.fc", f"{ours}/fc", "conv1d"),
        (f"{theirs}.convw", f"{ours}/conv_w", "conv1d"),
        (f"{theirs}.convkw", f"{ours}/conv_kw", "conv1d"),
        (f"{theirs}.global_fc", f"{ours}/global_fc", "conv1d"),
        (f"{theirs}.mlp.0", f"{ours}/mlp/fc1", "conv1d"),
        (f"{theirs}.mlp.2", f"{ours}/mlp/fc2", "conv1d"),
        (f"{theirs}.drop_path_out", f"{ours}/branch_scale", "channel_scale"),
        (f"{theirs}.drop_path_mlp", f"{ours}/mlp_scale", "channel_scale"),
    )


def _head(theirs: str, ours: str, last: str) -> tuple[Row, ...]:
    return (
        (f"{theirs}.head.{{i}}.conv", f"{ours}/convs/{{i}}", "conv1d"),
        (f"{theirs}.norm.{{i}}", f"{ours}/norms/{{i}}", "affine_norm"),
        (f"{theirs}.{last}.conv", f"{ours}/out", "conv1d"),
    )


# dingfengshi/TriDet
TRIDET = NameTable(
    name="TriDet",
    kind="TriDet",
    rows=(
        ("backbone.embd.{i}.conv", "backbone/embed/{i}", "conv1d"),
        ("backbone.embd_norm.{i}", "backbone/embed_norm/{i}", "affine_norm"),
        *_block("backbone.stem.{i}", "backbone/stem/{i}"),
        *_block("backbone.branch.{i}", "backbone/branch/{i}"),
        ("neck.fpn_norms.{i}", "backbone/level_norm/{i}", "affine_norm"),
        *_head("cls_head", "class_head", "cls_head"),
        *_head("start_head", "start_head", "cls_head"),
        *_head("end_head", "end_head", "cls_head"),
        *_head("reg_head", "offset_head", "offset_head"),
        ("reg_head.scale.{i}", "level_scale/{i}", "scale"),
    ),
    first="backbone/embed/0/kernel",
    first_dims=(3,),
    block="backbone/branch/{j}/norm/scale",
    # The places of the grid, which older versions save.
    ignored=re.compile(r"^point_generator\."),
)


def params_of(
    state: Mapping[str, np.ndarray],
    config: TridetConfig,
    input_width: int,
    num_classes: int,
    source: str | Path,
) -> Params:
    """Converts a state dict of the original to our parameter tree, all weights or none.

    Args:
      state: arrays by PyTorch name; the prefix `module.` is allowed.
      config: architecture.
      input_width: channels of the features.
      num_classes: number of classes.
      source: name of the file for errors.

    Raises:
      UserError: names are missing, unused or mis-shaped, or numbers are not finite.
    """
    template = param_shapes(config, input_width, num_classes)
    return from_state_dict(without_prefixes(dict(state)), TRIDET, template, source)


def read(path: str | Path) -> StateDict:
    """Reads a state dict, or a checkpoint of the original; takes its moving average if it has one.

    Raises:
      UserError: the file is missing, unreadable, of another kind, or names code to run.
    """
    return torch_files.read_state_dict(path, preferred=(AVERAGE,))
