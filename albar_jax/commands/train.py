"""Trains a model, or resumes its training from the last checkpoint in --workdir.

To resume an interrupted training, repeat the command. The result is bit-identical to an
uninterrupted training. SIGTERM and Ctrl-C save a checkpoint before the program exits.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar train --config quickstart:albar --workdir runs/quickstart/albar
  albar train --config configs/hmdb51.py:albar --config.batch_size=16 --workdir runs/hmdb51"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar train`."""
    parser.add_config("config of the experiment; the tokens name its methods, joined by +")
    parser.add_argument(
        "--workdir", type=flags.path, metavar="DIR", help="folder for checkpoints and logs"
    )
    flags.add_processes(parser)


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that trains one config in one folder."""
    if options.workdir is None:
        raise UserError(
            "--workdir is missing; name a folder for checkpoints and logs, as in --workdir runs/ce"
        )
    # These modules import JAX.
    from albar_jax.config.config_files import load
    from albar_jax.parallel import hosts
    from albar_jax.wiring import program, run_training

    config = load(options.config, options.changes)

    def train() -> int:
        program.keep_compiled()
        hosts.join(options.coordinator, options.processes, options.process)
        return run_training.run(config, str(options.workdir))

    return lambda: program.run(train)
