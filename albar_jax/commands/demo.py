"""Trains four models on a generated data set and shows which of them rely on the background.

Runs the commands `albar toy quickstart`, `albar train` and `albar evaluate` one after the other. It takes
about ten minutes on two cores. Repeat the command to resume.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.terminal import flags

EXAMPLE = "  albar demo --out runs/demo"


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar demo`."""
    parser.add_argument(
        "--out",
        type=flags.path,
        default="runs/demo",
        metavar="DIR",
        help="folder for the models and the page",
    )
    parser.add_argument(
        "--data",
        type=flags.path,
        default="data/quickstart",
        metavar="DIR",
        help="folder for the videos",
    )
    parser.add_argument(
        "--seed",
        type=flags.seed,
        default=0,
        metavar="N",
        help="random seed of the videos and of training, 0 to 2^32 - 1",
    )


def bind(options: argparse.Namespace) -> Callable[[], int]:
    """Returns the function that runs the demo."""
    from albar_jax.wiring import run_demo

    return functools.partial(run_demo.run, options.out, options.data, options.seed)
