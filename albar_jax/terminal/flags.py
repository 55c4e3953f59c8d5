"""Parses command lines: a parser with one-sentence errors, and the types of its arguments."""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from albar_jax.errors import UserError
from albar_jax.files import local_path, local_spec
from albar_jax.terminal import config_changes
from albar_jax.terminal.escapes import notify

# Upper limit of anything that is counted: processes, clips.
COUNTS = 10**6
# JAX uses only 32 bits of a seed, so larger seeds would coincide.
SEEDS = 1 << 32

_CONFIG = "--config"
# The parsed arguments of a command line.
Namespace = argparse.Namespace


class Parser(argparse.ArgumentParser):
    """An argparse parser with errors of one sentence, which suggest the nearest name.

    Its help shows the default of each option. Options cannot be abbreviated. Parsed arguments have
    the attribute `given`, the set of the options on the command line; see `refuse_unused`.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs.setdefault("formatter_class", _HelpFormatter)
        super().__init__(*args, allow_abbrev=False, **kwargs)
        self._has_config = False

    def add_config(self, help: str, metavar: str = "NAME|FILE[:TOKENS]") -> None:
        """Adds `--config` and `--config.FIELD=VALUE`.

        Parsed arguments have the attributes `config`, a string or None, and `changes`, the
        arguments that change fields, in their order. Changed fields without a config are refused.

        Args:
          help: the help of `--config`.
          metavar: the name of its value in the help.
        """
        self._has_config = True
        # The second option is only listed in the help: `parse_known_args` collects its arguments.
        self.add_argument(_CONFIG, type=config, metavar=metavar, help=help)
        self.add_argument(
            "--config.FIELD",
            dest="changes",
            metavar="VALUE",
            action="append",
            default=[],
            help="another value for one field of the config; can be repeated",
        )

    def add_path(self, option: str, help: str, *, metavar: str = "DIR", **settings: Any) -> None:
        """Adds an option that is one path; `settings` go to `add_argument`."""
        self.add_argument(option, type=path, metavar=metavar, help=help, **settings)

    def add_paths(self, option: str, help: str) -> None:
        """Adds an option that names a folder and can be repeated; its value is a list."""
        self.add_path(option, f"{help}; can be repeated", action="append", default=[])

    def add_count(self, option: str, default: int | None, help: str) -> None:
        """Adds an option that is a number from 1 to `COUNTS`; None if it is not given."""
        self.add_argument(option, type=count, default=default, metavar="N", help=help)

    def add_seed(self, of: str = "") -> None:
        """Adds `--seed`, 0 by default; `of` says what the seed is for, as in " of the videos"."""
        help = f"random seed{of}, 0 to 2^32 - 1"
        self.add_argument("--seed", type=seed, default=0, metavar="N", help=help)

    def add_jobs(self) -> None:
        """Adds `--jobs`, the number of processes; one per core by default."""
        self.add_count("--jobs", os.cpu_count() or 1, "number of processes")

    def parse_known_args(
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses arguments; exits with an error for an unknown one, also in a sub-command."""
        words = list(sys.argv[1:] if args is None else args)
        changes = []
        if self._has_config:
            words, changes = config_changes.split(words)

        # argparse would make the same; then it cannot be None below.
        namespace = argparse.Namespace() if namespace is None else namespace
        # Checked before argparse runs, because argparse would first report missing required
        # options. The options of a sub-command are unknown here; its own parser checks them.
        if self._subparsers is None:
            namespace.given = self._given(words)

        _, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(self._describe_unknown(unknown[0]))
        if self._has_config:
            namespace.changes = changes
            if changes and namespace.config is None:
                self.error(f"{changes[0]} changes a field of a config, but {_CONFIG} is missing")
        return namespace, unknown

    def _given(self, words: Sequence[str]) -> frozenset[str]:
        """Returns the names of the options among the words; exits if one does not exist."""
        given = set()
        for word in words:
            # All words after it are positional.
            if word == "--":
                break
            name = word.partition("=")[0]
            if name.startswith("--"):
                given.add(name)
                if name not in self._names:
                    self.error(self._describe_unknown(word))
        return frozenset(given)

    def error(self, message: str) -> NoReturn:
        """Prints the message and exits with status 2."""
        separator = " " if message.endswith("?") else "; "
        listed = "the options" if self._subparsers is None else "them"
        notify(f"error: {message}{separator}`{self.prog} --help` lists {listed}")
        self.exit(2)

    def _describe_unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is not understood; options are named, as in --workdir DIR"

        option = word.partition("=")[0]
        return f"there is no option {option}{suggestion(option, self._names)}"

    @property
    def _names(self) -> set[str]:
        """The names of all options, and the separator of options and positional arguments."""
        return {"--", *self._option_string_actions}

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Overrides argparse, whose message has no suggestion."""
        choices = action.choices
        if choices is not None and value not in choices:
            names = ", ".join(map(str, choices))
            hint = suggestion(str(value), map(str, choices))
            raise argparse.ArgumentError(action, f"{value!r} is not one of {names}{hint}")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps line breaks in descriptions and appends defaults to the help of options."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        is_unshown = any(action.default is value for value in (None, False, argparse.SUPPRESS))
        if is_unshown or action.default == [] or "%(default)" in text or not action.option_strings:
            return text
        return f"{text} (default: %(default)s)"


def refuse_unused(options: Namespace, names: Iterable[str], reason: str) -> None:
    """Raises UserError if the command line has one of these options.

    Args:
      options: the parsed arguments.
      names: options that would be ignored, such as "--checkpoint".
      reason: text after "has no effect", such as "without --workdir".
    """
    for name in names:
        if name in options.given:
            raise UserError(f"{name} has no effect {reason}; leave it out")


def suggestion(name: str, names: Iterable[str]) -> str:
    """Returns `; did you mean NAME?` with the most similar name, or "" if none is similar.

    Args:
      name: the misspelt name.
      names: the names that exist.
    """
    nearest = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def path(text: str) -> Path:
    """Parses a path; expands `~` and refuses URLs."""
    return Path(_argument(_path, text))


def spec(text: str) -> str:
    """Parses a path or `KIND:PATH`; expands `~` and refuses URLs."""
    return _argument(local_spec, text)


def config(text: str) -> str:
    """Parses a config, `NAME[:TOKENS]` or `FILE[:TOKENS]`; expands `~` and refuses URLs."""
    return _argument(_path, text)


def seed(text: str) -> int:
    """Parses a seed, 0 to 2**32 - 1."""
    return _argument(_seed, text)


def count(text: str) -> int:
    """Parses a number from 1 to `COUNTS`."""
    if not text.isdecimal() or not 1 <= int(text[:20]) <= COUNTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {COUNTS:,}")
    return int(text)


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a program of several processes; see `parallel.hosts.join`."""
    group = parser.add_argument_group("several processes")
    group.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="address of process 0, with a free port of its host",
    )
    group.add_argument(
        "--processes", type=int, metavar="N", help="number of processes that work together"
    )
    group.add_argument("--process", type=int, metavar="I", help="number of this process, from 0")


def _argument(read: Callable[[str], Any], text: str) -> Any:
    """Calls `read`, and converts its UserError to the error that argparse expects of a type."""
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
