"""Defines flags for paths and seeds, for absl and argparse."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from absl import flags

from albar_jax.errors import UserError
from albar_jax.files import local_path, local_spec
from albar_jax.terminal.escapes import notify

# Upper limit of anything that is counted: processes, clips.
COUNTS = 10**6
# JAX uses only 32 bits of a seed, so larger seeds would coincide.
SEEDS = 1 << 32

# `--help` lists the flags that the program's own module defines: these functions define them for their caller.
flags.disclaim_key_flags()


class Parser(argparse.ArgumentParser):
    """An argparse parser with error messages of one sentence."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and exits with status 2."""
        notify(f"error: {message}; --help lists the flags")
        self.exit(2)


def path(text: str) -> Path:
    """Parses a path for argparse; expands `~` and refuses URLs."""
    return Path(_argument(_path, text))


def spec(text: str) -> str:
    """Parses a path or `KIND:PATH` for argparse."""
    return _argument(local_spec, text)


def seed(text: str) -> int:
    """Parses a seed for argparse."""
    return _argument(_seed, text)


def count(text: str) -> int:
    """Parses a number from 1 on for argparse."""
    if not text.isdecimal() or not 1 <= int(text[:20]) <= COUNTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {COUNTS:,}")
    return int(text)


def define_path(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines an absl flag for a path; expands `~` and refuses URLs."""
    return flags.DEFINE(_Checked(_path), name, default, help)


def define_paths(name: str, help: str) -> flags.FlagHolder:
    """Defines a repeatable absl flag for paths; its value is a list."""
    return flags.DEFINE_multi(_Checked(_path), flags.ArgumentSerializer(), name, [], help)


def define_spec(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines an absl flag for a path or `KIND:PATH`."""
    return flags.DEFINE(_Checked(local_spec), name, default, help)


def define_seed(name: str, default: int, help: str) -> flags.FlagHolder:
    """Defines an absl flag for a seed."""
    return flags.DEFINE(_Checked(lambda value: _seed(str(value))), name, default, help)


class _Checked(flags.ArgumentParser):
    """An absl parser that applies a function that raises UserError."""

    def __init__(self, read: Callable[[str], object]):
        super().__init__()
        self._read = read

    def parse(self, argument: str) -> object:
        """Parses the argument; absl expects ValueError, which UserError is."""
        return self._read(argument)


def _argument(read: Callable[[str], object], text: str) -> object:
    try:
        return read(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _path(text: str) -> str:
    if not text:
        raise UserError("the path is empty; write . for the current folder")
    return local_path(text)


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) >= SEEDS:
        raise UserError(f"the seed {text} is not a number from 0 to {SEEDS - 1}")
    return int(text)
