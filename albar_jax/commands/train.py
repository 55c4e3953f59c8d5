"""Trains a model, or resumes its training from the last checkpoint in --workdir.

To resume an interrupted training, repeat the command. The result is bit-identical to an
uninterrupted training. SIGTERM and Ctrl-C save a checkpoint before the program exits.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show

EXAMPLE = """  albar train --config quickstart:albar --workdir runs/quickstart/albar
  albar train --config configs/hmdb51.py:albar --config.batch_size=16 --workdir runs/hmdb51"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar train`."""
    parser.add_config("config of the experiment; the tokens name its methods, joined by +")
    parser.add_path("--workdir", "folder for checkpoints and logs")
    parser.add_argument(
        "--help-config", action="store_true", help="list all fields of a config and exit"
    )
    flags.add_processes(parser)


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that trains one config in one folder."""
    if options.help_config:
        from albar_jax.config import describe_fields

        return lambda: show(*describe_fields().splitlines())

    if options.workdir is None:
        raise UserError(
            "--workdir is missing; name a folder for checkpoints and logs, as in --workdir runs/ce"
        )
    # These modules import JAX.
    from albar_jax.config.config_files import load
    from albar_jax.parallel import hosts
    from albar_jax.wiring import program, run_training

    def train() -> int:
        program.keep_compiled()
        hosts.join(options.coordinator, options.processes, options.process)

        # After joining: a config that one process cannot read then ends all of them.
        config = load(options.config, options.changes)
        return run_training.run(config, str(options.workdir))

    return lambda: program.run(train)
