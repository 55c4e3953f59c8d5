"""`albar convert`: converts weights between PyTorch and this package."""

from pathlib import Path

import jax

from albar_jax.models import ResNetConfig
from albar_jax.storage.lock import writing
from albar_jax.terminal.escapes import show
from albar_jax.weights.converted import save_converted
from albar_jax.weights.loading import holds, load, save_torch, torchvision_call


def run(source: str, out: Path, *, to_torch: bool) -> int:
    """Reads weights and writes them in the other format; returns the exit status.

    Args:
      source: what `albar_jax.weights.loading.load` takes.
      out: file or folder to write.
      to_torch: whether to write a file for torchvision instead of a folder of this package.

    Raises:
      UserError: the weights cannot be read, or `out` exists with other contents.
    """
    config, params = load(source)
    save = save_torch if to_torch else save_converted
    with writing(out):
        # A command that was killed right before its exit has already written the file.
        if not (out.exists() and holds(out, config, params)):
            save(out, config, params)

    kind = "ResNet" if isinstance(config, ResNetConfig) else "Video Swin"
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    show(f"{out}: {kind}, {config.num_classes} classes, {count:,} parameters.")
    if to_torch:
        show(f"It fits {torchvision_call(config)}.")
    return 0
