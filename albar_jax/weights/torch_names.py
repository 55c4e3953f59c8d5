"""Names and layouts of Swin parameters in PyTorch state dicts."""

import dataclasses
import re
from collections.abc import Callable

import jax
import numpy as np

from albar_jax.models.video_swin import VideoSwinConfig
from albar_jax.types import Params


@dataclasses.dataclass(frozen=True)
class Layout:
    """What one code base calls the modules of a Swin: block j of stage i, and the merge behind stage i."""

    block: Callable[[int, int], str]
    merge: Callable[[int], str]
    mlp: tuple[str, str] = ("mlp.fc1", "mlp.fc2")
    patch_proj: str = "patch_embed.proj"
    patch_norm: str = "patch_embed.norm"
    norm: str = "norm"
    head: str = "head"

    @property
    def landmarks(self) -> tuple[str, ...]:
        """Parameters that every Swin classifier of this layout has, and that tell it from other layouts."""
        modules = (self.patch_proj, f"{self.block(0, 0)}.norm1", self.norm, self.head)
        return tuple(f"{module}.weight" for module in modules)


OFFICIAL = Layout(
    block=lambda i, j: f"backbone.layers.{i}.blocks.{j}",
    merge=lambda i: f"backbone.layers.{i}.downsample",
    patch_proj="backbone.patch_embed.proj",
    patch_norm="backbone.patch_embed.norm",
    norm="backbone.norm",
    head="cls_head.fc_cls",
)
LAYOUTS = {
    # pytorch/vision: swin3d_*, stages and merges in one list.
    "torchvision": Layout(
        block=lambda i, j: f"features.{2 * i}.{j}",
        merge=lambda i: f"features.{2 * i + 1}",
        mlp=("mlp.0", "mlp.3"),
    ),
    # SwinTransformer/Video-Swin-Transformer
    "official": OFFICIAL,
    # open-mmlab/mmaction2 from 1.0 on: the norm is called after the last of four stages.
    "mmaction2": dataclasses.replace(OFFICIAL, norm="backbone.norm3"),
    # pytorch/vision: swin_*, for images. The patches lead the list.
    "torchvision image": Layout(
        block=lambda i, j: f"features.{2 * i + 1}.{j}",
        merge=lambda i: f"features.{2 * i + 2}",
        mlp=("mlp.0", "mlp.3"),
        patch_proj="features.0.0",
        patch_norm="features.0.2",
    ),
    # microsoft/Swin-Transformer, for images
    "microsoft": Layout(
        block=lambda i, j: f"layers.{i}.blocks.{j}",
        merge=lambda i: f"layers.{i}.downsample",
    ),
    # huggingface/pytorch-image-models, for images: a merge belongs to the stage that it leads to.
    "timm": Layout(
        block=lambda i, j: f"layers.{i}.blocks.{j}",
        merge=lambda i: f"layers.{i + 1}.downsample",
        head="head.fc",
    ),
}
LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "position_bias": "relative_position_bias_table",
}
POSITION_INDEX = "relative_position_index"
# Index tables that follow from the window size, and the mean and deviation of pixels; we have our own.
BUFFERS = re.compile(rf"\.attn\.{POSITION_INDEX}$|\.attn_mask$|^data_preprocessor\.")


def torch_name(path: str, layout: str) -> str:
    """Returns what a layout calls our parameter, e.g. stages/0/blocks/1/norm1/scale -> features.0.1.norm1.weight."""
    module, leaf = path.rsplit("/", 1)
    return f"{torch_module(module, LAYOUTS[layout])}.{LEAVES[leaf]}"


def torch_module(module: str, layout: Layout) -> str:
    """Returns what a layout calls our module."""
    match module.split("/"):
        case ["patch_embed", part]:
            return {"proj": layout.patch_proj, "norm": layout.patch_norm}[part]
        case ["stages", i, "merge", part]:
            return f"{layout.merge(int(i))}.{part}"
        case ["stages", i, "blocks", j, "mlp", part]:
            return f"{layout.block(int(i), int(j))}.{dict(zip(('fc1', 'fc2'), layout.mlp, strict=True))[part]}"
        case ["stages", i, "blocks", j, *parts]:
            return f"{layout.block(int(i), int(j))}.{'.'.join(parts).replace('attention', 'attn')}"
        case ["norm" | "head" as name]:
            return getattr(layout, name)
    raise KeyError(module)


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


def to_torch(path: str, value: np.ndarray, config: VideoSwinConfig) -> np.ndarray:
    """Undoes `from_torch`."""
    if path == "patch_embed/proj/kernel":
        return value.reshape(*config.patch_size, 3, config.embed_dim).transpose(4, 3, 0, 1, 2)
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
