"""The program `albar`: one sub-command for each module of `commands`.

The module of a sub-command is imported when it is called, and it imports JAX only after its
arguments are parsed. So `albar --help`, mistakes on the command line, and `albar audit` do not wait
for JAX.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol, cast

from albar_jax import __version__
from albar_jax.errors import exit_status, leave
from albar_jax.terminal import early, flags

_DESCRIPTION = "Debiased video action recognition in JAX: train on motion, measure bias by scenery."
_USAGE = "albar [--help] [--version] COMMAND ..."
_EPILOG = """example:
  albar toy quickstart --out data/quickstart
  albar train --config quickstart:albar_fast --workdir runs/quickstart
  albar evaluate --workdir runs/quickstart --out runs/quickstart/evaluation

`albar COMMAND --help` describes a command and its options."""

# The sub-commands, with the line that describes each in `albar --help`. The module is
# `albar_jax.commands.NAME`, with underscores for dashes.
COMMANDS = {
    "train": "train a model; resume an interrupted training",
    "evaluate": "measure the accuracy and bias of trained models",
    "pretrain": "make the pretrained start of the generated worlds",
    "study": "train and evaluate all rows of a table",
    "predict": "say what a trained model sees in videos, and whether it needs the motion",
    "features": "extract the pooled features of films of any length",
    "attribute": "explain answers for single clips: which pixels, appearance or motion",
    "downstream": "train and test heads on features: UCF-Crime, THUMOS14",
    "audit": "measure the bias of any model: ask it, or read its predictions",
    "prepare": "write the manifest of a downloaded data set",
    "synthesize": "make the bias benchmarks of videos and masks",
    "convert": "convert weights of PyTorch, in both directions",
    "export": "write the weights of a training run to a file",
    "plan": "compile a training step and print its memory, FLOPs and collectives",
    "reference-net": "choose the bank of stills of StillMix",
    "toy": "generate a small data set",
    "demo": "train four models on a generated data set and compare their bias",
}


class Command(Protocol):
    """The functions of a module of `commands`; its docstring is the description in `--help`."""

    EXAMPLE: str

    def add_arguments(self, parser: flags.Parser) -> None:
        """Adds the options of the command."""
        ...

    def bind(self, options: argparse.Namespace) -> Callable[[], int | None]:
        """Checks the options, imports the command's modules, and returns a function that runs it.

        The function returns the exit status; None is 0.

        Raises:
          UserError: for a mistake of the user.
        """
        ...


def main(*command: str) -> NoReturn:
    """Runs the program with the arguments of the process, and exits.

    Args:
      command: the sub-command, if the arguments do not name it.
    """
    leave(lambda: run([*command, *sys.argv[1:]]))


def run(arguments: Sequence[str]) -> int:
    """Runs `albar` within this process.

    Args:
      arguments: the sub-command and its arguments.

    Returns:
      The exit status: 0 for success, 2 after a mistake of the user, 130 after Ctrl-C.

    Raises:
      SystemExit: after `--help`, and for arguments that cannot be parsed.
    """
    name, *rest = arguments or ["--help"]
    if name in COMMANDS:
        return call(name, rest)

    parser = flags.Parser(
        prog="albar", usage=_USAGE, description=_DESCRIPTION + "\n\n" + _list(), epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"albar_jax {__version__}")
    if name.startswith("-"):
        parser.parse_args([name])
    return parser.error(f"there is no command {name}{flags.suggestion(name, COMMANDS)}")


def call(name: str, arguments: Sequence[str]) -> int:
    """Runs one sub-command within this process; see `run`."""
    command = _command(name)
    parser = flags.Parser(
        prog=f"albar {name}",
        description=command.__doc__,
        epilog=f"example:\n{command.EXAMPLE.rstrip()}",
    )
    command.add_arguments(parser)
    options = parser.parse_args(arguments)

    def run_command() -> int | None:
        work = command.bind(options)
        # From here on the command may have to clean up after Ctrl-C.
        early.raise_again()
        return work()

    return exit_status(run_command)


def _command(name: str) -> Command:
    module = importlib.import_module(f"albar_jax.commands.{name.replace('-', '_')}")
    # Every module of `commands` has these functions.
    return cast(Command, module)


def _list() -> str:
    lines = [f"  {name:<14} {line}" for name, line in COMMANDS.items()]
    return "\n".join(["commands:", *lines])
