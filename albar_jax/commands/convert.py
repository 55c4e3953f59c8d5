"""Turns PyTorch weights of a Swin or a ResNet into a directory of ours, and back.

    python -m albar_jax.commands.convert swin3d_t-7615ae03.pth --out weights/swin_tiny
    python -m albar_jax.commands.convert --to-torch weights/swin_tiny --out model.safetensors

Reads all that `albar_jax.weights.loading.load` does. What --to-torch writes is loaded by torchvision with strict=True.
"""

import argparse
from pathlib import Path

import jax

from albar_jax.errors import exit_status, leave
from albar_jax.models import ResNetConfig
from albar_jax.storage.lock import writing
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show
from albar_jax.weights.converted import save_converted
from albar_jax.weights.loading import holds, load, save_torch, torchvision_call


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = flags.Parser(
        prog="python -m albar_jax.commands.convert", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "source",
        type=flags.spec,
        help="a .pth, .pt or .safetensors file (FILE#NAME for one of several networks in it), torchvision:swin3d_t, "
        "torchvision:resnet50, or a directory of ours",
    )
    parser.add_argument(
        "--out", type=flags.path, required=True, help="what to write; must not exist"
    )
    parser.add_argument(
        "--to-torch",
        action="store_true",
        help="write a .pth, .pt or .safetensors file of torchvision",
    )
    options = parser.parse_args(arguments)
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    config, params = load(options.source)
    with writing(options.out):
        # A command that was killed right before its exit has already written the file.
        if not (Path(options.out).exists() and holds(options.out, config, params)):
            (save_torch if options.to_torch else save_converted)(options.out, config, params)
    kind = "ResNet" if isinstance(config, ResNetConfig) else "Video Swin"
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    show(f"{options.out}: {kind}, {config.num_classes} classes, {count:,} parameters.")
    if options.to_torch:
        show(f"It fits {torchvision_call(config)}.")


if __name__ == "__main__":
    leave(main)
