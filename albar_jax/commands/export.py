"""Writes the weights of a training run: a file for torchvision, or a folder of this package.

The ending of --out is the format: .pth, .pt or .safetensors for torchvision, none for a folder.
OUT.classes.txt gets the class names.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags, model_options

EXAMPLE = "  albar export --workdir runs/hmdb51/albar --out albar.safetensors"


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar export`."""
    model_options.add_run(parser, "export")
    parser.add_path("--out", "file or folder to write; must not exist", metavar="PATH")


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that exports a checkpoint."""
    if options.workdir is None or options.out is None:
        raise UserError("say --workdir DIR of a training run and --out FILE or DIR to write")

    from albar_jax.wiring import program, run_export

    export = functools.partial(
        run_export.run, str(options.workdir), options.checkpoint, str(options.out)
    )
    return lambda: program.run(export)
