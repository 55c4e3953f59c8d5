"""Makes the pretrained start of the generated worlds: videos, training and weights.

The configs `worlds:NAME/METHODS/pretrained` start from these weights, which `albar study` also
makes when it needs them. Repeat the command to resume an interrupted training.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar pretrain --config worlds
  albar pretrain --config worlds --config.train.steps=2000"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar pretrain`."""
    help = "file with the recipe of the start, in its function get_start()"
    parser.add_config(help, metavar="NAME|FILE")


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that makes the start."""
    if options.config is None:
        raise UserError("--config is missing; say --config worlds")

    # These modules import JAX.
    from albar_jax.studies import read_start
    from albar_jax.terminal import config_changes
    from albar_jax.terminal.escapes import show
    from albar_jax.wiring import program, run_start

    def pretrain() -> int:
        # A start is read like a config, but its fields are changed like those of a study's rows.
        assignments = config_changes.assignments(options.changes)
        changes = dict(map(config_changes.parse, assignments))
        start = read_start(options.config).changed(changes)
        # Mistakes in the changes are found now.
        weights = start.weights
        program.keep_compiled()
        status = run_start.make(start)
        if status == 0:
            show(f"{weights} exists; a config starts from it with --config.init={weights}")
        return status

    return lambda: program.run(pretrain)
