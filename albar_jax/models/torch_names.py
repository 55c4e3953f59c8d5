"""Names and layouts of Video Swin parameters in PyTorch state dicts."""

import re

import jax
import numpy as np

from albar_jax.models.video_swin import VideoSwinConfig
from albar_jax.types import Params

# Module by module: ours, torchvision's swin3d_*, the official Video-Swin release. {i} is the stage, {j} the block;
# torchvision counts stages and merges in one list, so that stage i is {even} = 2 i and its merge {odd} = 2 i + 1.
MODULES = (
    ("patch_embed/proj", "patch_embed.proj", "backbone.patch_embed.proj"),
    ("patch_embed/norm", "patch_embed.norm", "backbone.patch_embed.norm"),
    ("stages/{i}/blocks/{j}/norm1", "features.{even}.{j}.norm1", "backbone.layers.{i}.blocks.{j}.norm1"),
    ("stages/{i}/blocks/{j}/attention", "features.{even}.{j}.attn", "backbone.layers.{i}.blocks.{j}.attn"),
    ("stages/{i}/blocks/{j}/attention/qkv", "features.{even}.{j}.attn.qkv", "backbone.layers.{i}.blocks.{j}.attn.qkv"),
    (
        "stages/{i}/blocks/{j}/attention/proj",
        "features.{even}.{j}.attn.proj",
        "backbone.layers.{i}.blocks.{j}.attn.proj",
    ),
    ("stages/{i}/blocks/{j}/norm2", "features.{even}.{j}.norm2", "backbone.layers.{i}.blocks.{j}.norm2"),
    ("stages/{i}/blocks/{j}/mlp/fc1", "features.{even}.{j}.mlp.0", "backbone.layers.{i}.blocks.{j}.mlp.fc1"),
    ("stages/{i}/blocks/{j}/mlp/fc2", "features.{even}.{j}.mlp.3", "backbone.layers.{i}.blocks.{j}.mlp.fc2"),
    ("stages/{i}/merge/norm", "features.{odd}.norm", "backbone.layers.{i}.downsample.norm"),
    ("stages/{i}/merge/reduction", "features.{odd}.reduction", "backbone.layers.{i}.downsample.reduction"),
    ("norm", "norm", "backbone.norm"),
    ("head", "head", "cls_head.fc_cls"),
)
LAYOUTS = {"torchvision": 1, "official": 2}  # column of MODULES
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "position_bias": "relative_position_bias_table"}
HEADS = {layout: f"{MODULES[-1][column]}.weight" for layout, column in LAYOUTS.items()}
# Index tables that follow from the window size; the model computes its own.
BUFFERS = re.compile(r"\.attn\.relative_position_index$|\.attn_mask$")


def torch_name(path: str, layout: str) -> str:
    """Returns what a layout calls our parameter, e.g. stages/0/blocks/1/norm1/scale -> features.0.1.norm1.weight."""
    module, leaf = path.rsplit("/", 1)
    stage, block = re.match(r"(?:stages/(\d+)/)?(?:blocks/(\d+)/)?", module).groups(default="0")
    fields = {"i": stage, "j": block, "even": 2 * int(stage), "odd": 2 * int(stage) + 1}
    theirs = {ours.format(**fields): columns[LAYOUTS[layout] - 1] for ours, *columns in MODULES}
    return f"{theirs[module].format(**fields)}.{LEAVES[leaf]}"


def torch_shape(path: str, shape: tuple[int, ...], config: VideoSwinConfig) -> tuple[int, ...]:
    """Returns the shape in PyTorch of our parameter."""
    if path == "patch_embed/proj/kernel":
        return (config.embed_dim, 3, *config.patch_size)
    return shape[::-1] if path.endswith("/kernel") else shape


def from_torch(path: str, value: np.ndarray) -> np.ndarray:
    """Changes the layout of one parameter: (out, in) to (in, out), the patch kernel (o, c, t, h, w) to (t h w c, o)."""
    if path == "patch_embed/proj/kernel":
        return value.transpose(2, 3, 4, 1, 0).reshape(-1, value.shape[0])
    return value.T if path.endswith("/kernel") else value


def flatten(params: Params) -> dict:
    """Returns a nested dict as {"stages/0/merge/norm/scale": leaf}."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return {"/".join(key.key for key in path): leaf for path, leaf in leaves}


def unflatten(flat: dict) -> Params:
    """Undoes `flatten`."""
    params = {}
    for path, value in flat.items():
        *parents, leaf = path.split("/")
        node = params
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return params
