"""Tables of the weight names of each network in each code base; see `name_rules`.

A row is (PyTorch module, our module, kind of layer).
"""

import re

from albar_jax.weights.name_rules import NameTable, Row

# Index tables that follow from the window size, and the preprocessing constants of mmaction2.
POSITION_INDEX = "relative_position_index"
_SWIN_BUFFERS = re.compile(rf"\.attn\.{POSITION_INDEX}$|\.attn_mask$|^data_preprocessor\.")
# The number of batches seen, which torch needs only if the momentum is None.
COUNTER = "num_batches_tracked"
_RESNET_BUFFERS = re.compile(rf"\.{COUNTER}$")


def _swin_table(name: str, *rows: Row) -> NameTable:
    return NameTable(
        name=name,
        kind="Swin",
        rows=rows,
        first="patch_embed/proj/kernel",
        # Image networks have (out, in, h, w), video networks (out, in, t, h, w).
        first_dims=(4, 5),
        block="stages/{i}/blocks/{j}/norm1/scale",
        marks=("norm/scale",),
        ignored=_SWIN_BUFFERS,
    )


def _blocks(prefix: str, fc1: str = "mlp.fc1", fc2: str = "mlp.fc2") -> tuple[Row, ...]:
    """Returns the rows of all blocks of a Swin; code bases differ in the prefix and the MLP."""
    return (
        (f"{prefix}.norm1", "stages/{i}/blocks/{j}/norm1", "layer_norm"),
        (f"{prefix}.attn.qkv", "stages/{i}/blocks/{j}/attention/qkv", "linear"),
        (f"{prefix}.attn.proj", "stages/{i}/blocks/{j}/attention/proj", "linear"),
        (f"{prefix}.attn", "stages/{i}/blocks/{j}/attention", "position_bias"),
        (f"{prefix}.norm2", "stages/{i}/blocks/{j}/norm2", "layer_norm"),
        (f"{prefix}.{fc1}", "stages/{i}/blocks/{j}/mlp/fc1", "linear"),
        (f"{prefix}.{fc2}", "stages/{i}/blocks/{j}/mlp/fc2", "linear"),
    )


def _merges(prefix: str) -> tuple[Row, ...]:
    """Returns the rows of the patch merge after each stage of a Swin."""
    return (
        (f"{prefix}.norm", "stages/{i}/merge/norm", "layer_norm"),
        (f"{prefix}.reduction", "stages/{i}/merge/reduction", "linear"),
    )


# pytorch/vision: swin3d_t, swin3d_s, swin3d_b. One list alternates stages and merges.
TORCHVISION = _swin_table(
    "torchvision",
    ("patch_embed.proj", "patch_embed/proj", "patches"),
    ("patch_embed.norm", "patch_embed/norm", "layer_norm"),
    *_blocks("features.{2i}.{j}", "mlp.0", "mlp.3"),
    *_merges("features.{2i+1}"),
    ("norm", "norm", "layer_norm"),
    ("head", "head", "linear"),
)

# SwinTransformer/Video-Swin-Transformer
OFFICIAL = _swin_table(
    "official",
    ("backbone.patch_embed.proj", "patch_embed/proj", "patches"),
    ("backbone.patch_embed.norm", "patch_embed/norm", "layer_norm"),
    *_blocks("backbone.layers.{i}.blocks.{j}"),
    *_merges("backbone.layers.{i}.downsample"),
    ("backbone.norm", "norm", "layer_norm"),
    ("cls_head.fc_cls", "head", "linear"),
)

# open-mmlab/mmaction2 since 1.0. The norm is named after the last of four stages.
MMACTION2 = _swin_table(
    "mmaction2",
    ("backbone.patch_embed.proj", "patch_embed/proj", "patches"),
    ("backbone.patch_embed.norm", "patch_embed/norm", "layer_norm"),
    *_blocks("backbone.layers.{i}.blocks.{j}"),
    *_merges("backbone.layers.{i}.downsample"),
    ("backbone.norm3", "norm", "layer_norm"),
    ("cls_head.fc_cls", "head", "linear"),
)

# pytorch/vision: swin_t, swin_s, swin_b, for images. The list begins with the patches.
TORCHVISION_IMAGE = _swin_table(
    "torchvision image",
    ("features.0.0", "patch_embed/proj", "patches"),
    ("features.0.2", "patch_embed/norm", "layer_norm"),
    *_blocks("features.{2i+1}.{j}", "mlp.0", "mlp.3"),
    *_merges("features.{2i+2}"),
    ("norm", "norm", "layer_norm"),
    ("head", "head", "linear"),
)

# microsoft/Swin-Transformer, for images
MICROSOFT = _swin_table(
    "microsoft",
    ("patch_embed.proj", "patch_embed/proj", "patches"),
    ("patch_embed.norm", "patch_embed/norm", "layer_norm"),
    *_blocks("layers.{i}.blocks.{j}"),
    *_merges("layers.{i}.downsample"),
    ("norm", "norm", "layer_norm"),
    ("head", "head", "linear"),
)

# huggingface/pytorch-image-models, for images. A merge belongs to the stage after it.
TIMM = _swin_table(
    "timm",
    ("patch_embed.proj", "patch_embed/proj", "patches"),
    ("patch_embed.norm", "patch_embed/norm", "layer_norm"),
    *_blocks("layers.{i}.blocks.{j}"),
    *_merges("layers.{i+1}.downsample"),
    ("norm", "norm", "layer_norm"),
    ("head.fc", "head", "linear"),
)

# pytorch/vision: resnet18, resnet50. timm uses the same names.
RESNET = NameTable(
    name="torchvision resnet",
    kind="ResNet",
    rows=(
        ("conv1", "stem", "conv"),
        ("bn1", "stem_norm", "batch_norm"),
        ("layer{i+1}.{j}.conv{k+1}", "stages/{i}/{j}/convs/{k}", "conv"),
        ("layer{i+1}.{j}.bn{k+1}", "stages/{i}/{j}/norms/{k}", "batch_norm"),
        ("layer{i+1}.{j}.downsample.0", "stages/{i}/{j}/shortcut", "conv"),
        ("layer{i+1}.{j}.downsample.1", "stages/{i}/{j}/shortcut_norm", "batch_norm"),
        ("fc", "head", "linear"),
    ),
    first="stem/kernel",
    first_dims=(4,),
    block="stages/{i}/{j}/convs/0/kernel",
    ignored=_RESNET_BUFFERS,
)

SWIN_TABLES = {
    table.name: table
    for table in (TORCHVISION, OFFICIAL, MMACTION2, TORCHVISION_IMAGE, MICROSOFT, TIMM)
}
TABLES = (*SWIN_TABLES.values(), RESNET)
