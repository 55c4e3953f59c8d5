"""Writes the weights of a head so that the original program reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.weights.torch_files import write_checkpoint, write_state_dict

# TriDet's checkpoints end in this. They hold several networks.
CHECKPOINT = ".pth.tar"


def write_weights(path: Path, head: str, weights: Mapping[str, np.ndarray], *, epoch: int) -> None:
    """Writes the weights of a head as a new file.

    Args:
      path: .safetensors, .pth or .pt for a plain state dict, or .pth.tar for a checkpoint.
      head: name of the head.
      weights: arrays under the original's names.
      epoch: number of the last finished epoch, from 0.

    Raises:
      UserError: the file exists, has another suffix, or needs PyTorch, which is not installed.
    """
    if not path.name.endswith(CHECKPOINT):
        write_state_dict(path, dict(weights))
        return

    content: dict[str, Any] = dict(weights)
    if head == "tridet":
        # TriDet's eval.py loads the moving average into a network inside `DataParallel`.
        named = {f"module.{name}": value for name, value in weights.items()}
        content = {"epoch": epoch, "state_dict": named, "state_dict_ema": named}
    write_checkpoint(path, content)
