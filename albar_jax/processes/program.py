"""Starts modules of this package as separate programs."""

import os
import pathlib
import sys

# The folder that holds the package.
_ROOT = pathlib.Path(__file__).absolute().parents[2]


def command(module: str, *arguments: str) -> list[str]:
    """Returns the command that runs a module as a program."""
    # -P: never import a module from the current folder, which may be untrusted.
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Returns the environment in which a program imports this package, installed or not."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path}
