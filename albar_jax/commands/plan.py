"""Compiles the training step of a config and prints its needs per chip; runs nothing.

Prints memory by kind, FLOPs, collectives, whether the step fits, and the largest batch that does.
With --topology it compiles for TPUs on a machine without any; this takes some minutes and needs the
extra `tpu` of the package. Without --topology it compiles for the devices of this machine.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import config_changes, flags

EXAMPLE = "  albar plan --config hmdb51 --topology v5e:2x2 --per-chip 4"


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar plan`."""
    parser.add_config("config whose training step is compiled")
    parser.add_argument(
        "--topology", metavar="KIND:SHAPE", help="TPUs to compile for, such as v5e:2x2"
    )
    parser.add_argument(
        "--per-chip",
        type=flags.count,
        metavar="N",
        help="clips per chip; without it, config.batch_size is divided by the number of chips",
    )


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that compiles the training step and prints its needs."""
    if options.per_chip is not None:
        named = [text.partition("=")[0] for text in config_changes.assignments(options.changes)]
        if "batch_size" in named:
            raise UserError(
                "--config.batch_size has no effect with --per-chip, which sets it; leave one out"
            )

    # These modules import JAX.
    from albar_jax.config.config_files import load
    from albar_jax.wiring import program, run_plan

    config = load(options.config, options.changes)

    plan = functools.partial(run_plan.run, config, options.topology, options.per_chip)
    return lambda: program.run(plan)
