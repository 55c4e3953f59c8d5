"""The names of MGFN's weights in the original's state dict."""

import re

from albar_jax.weights.name_rules import NameTable
from albar_jax.weights.name_tables import COUNTER

_BLOCK = "stages.{i}.0.layers.{j}"
_OURS = "stages/{i}/layers/{j}"

# MGFN, models/mgfn.py. An entry of `layers` holds the convolution, the block and the MLP.
MGFN = NameTable(
    name="MGFN",
    kind="MGFN",
    rows=(
        ("to_tokens", "to_tokens", "conv1d"),
        ("to_mag", "to_mag", "conv1d"),
        (f"{_BLOCK}.0", f"{_OURS}/conv", "conv1d"),
        (f"{_BLOCK}.1.norm", f"{_OURS}/glance/norm", "channel_norm"),
        (f"{_BLOCK}.1.to_qkv", f"{_OURS}/glance/to_qkv", "pointwise"),
        (f"{_BLOCK}.1.to_out", f"{_OURS}/glance/to_out", "pointwise"),
        (f"{_BLOCK}.1.norm", f"{_OURS}/focus/norm", "batch_norm"),
        (f"{_BLOCK}.1.to_v", f"{_OURS}/focus/to_v", "pointwise"),
        (f"{_BLOCK}.1.rel_pos", f"{_OURS}/focus/rel_pos", "conv1d"),
        (f"{_BLOCK}.1.to_out", f"{_OURS}/focus/to_out", "pointwise"),
        (f"{_BLOCK}.2.0", f"{_OURS}/mlp/norm", "channel_norm"),
        (f"{_BLOCK}.2.1", f"{_OURS}/mlp/fc1", "pointwise"),
        (f"{_BLOCK}.2.4", f"{_OURS}/mlp/fc2", "pointwise"),
        ("stages.{i}.1.0", "stages/{i}/transition/norm", "channel_norm"),
        ("stages.{i}.1.1", "stages/{i}/transition/conv", "pointwise"),
        ("to_logits.0", "norm", "layer_norm"),
        ("fc", "head", "linear"),
    ),
    first="to_tokens/kernel",
    first_dims=(3,),
    block=f"{_OURS}/conv/kernel",
    # The number of batches seen, which torch needs only if the momentum is None.
    ignored=re.compile(rf"\.{COUNTER}$"),
)
