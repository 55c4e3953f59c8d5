"""Trains four models on a generated data set and shows which of them rely on the background.

Runs the commands `albar toy quickstart`, `albar train` and `albar evaluate` one after the other. It
takes 6 to 17 minutes on two cores. Repeat the command to resume.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.terminal import flags

EXAMPLE = "  albar demo --out runs/demo"


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar demo`."""
    parser.add_path("--out", "folder for the models and the page", default="runs/demo")
    parser.add_path("--data", "folder for the videos", default="data/quickstart")
    parser.add_seed(" of the videos and of training")


def bind(options: argparse.Namespace) -> Callable[[], int]:
    """Returns the function that runs the demo."""
    from albar_jax.wiring import run_demo

    return functools.partial(run_demo.run, options.out, options.data, options.seed)
