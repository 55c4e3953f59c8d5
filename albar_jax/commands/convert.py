"""Converts PyTorch weights of a Swin or a ResNet to a folder of this package, or the reverse.

SOURCE is a .pth, .pt or .safetensors file, a folder of this package, or torchvision:NAME. Write
FILE#NAME for one of several networks in a file. With --to-torch, torchvision loads the result with
strict=True.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.terminal import flags

EXAMPLE = """  albar convert swin3d_t-7615ae03.pth --out weights/swin_tiny
  albar convert --to-torch weights/swin_tiny --out model.safetensors"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar convert`."""
    parser.add_argument(
        "source", type=flags.spec, metavar="SOURCE", help="weights to read, see above"
    )
    help = "file or folder to write; must not exist"
    parser.add_path("--out", help, metavar="PATH", required=True)
    parser.add_argument(
        "--to-torch",
        action="store_true",
        help="write a .pth, .pt or .safetensors file of torchvision",
    )


def bind(options: argparse.Namespace) -> Callable[[], int]:
    """Returns the function that converts weights."""
    from albar_jax.wiring import run_convert

    return functools.partial(
        run_convert.run, options.source, options.out, to_torch=options.to_torch
    )
