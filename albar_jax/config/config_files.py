"""Finds and loads config files: the user's own, and the ones shipped with the package.

A config is named by its file (`configs/hmdb51.py`) or by its bare name (`hmdb51`). A bare name is
looked up in the `configs` folder of the current folder, then among the shipped configs. Tokens
after a colon are passed to the file's `get_config`, as in `hmdb51:albar`.

Config files import one another as `from configs import base`. While a file is loaded, `configs`
means its own `configs` folder, then the shipped one. A `configs` package that happens to be on the
import path is not used.
"""

import contextlib
import importlib.util
import inspect
import re
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from albar_jax.config.parsing import expand_paths
from albar_jax.errors import UserError
from albar_jax.files import content_hash
from albar_jax.terminal.flags import suggestion

_PACKAGE = "configs"
_ALBAR_JAX = Path(__file__).resolve().parents[1]
# A wheel has a copy inside the package. A checkout has the folder next to the package.
_IN_WHEEL = _ALBAR_JAX / "shipped" / _PACKAGE
_IN_CHECKOUT = _ALBAR_JAX.parent / _PACKAGE
_EXAMPLE = "--config quickstart:albar"
# Files of `configs` that others import; they are not configs themselves.
_HELPERS = {"__init__", "base", "cells", "recipe"}

_executed: dict[str, str] = {}


def executed_files() -> dict[str, str]:
    """Returns module name -> hash of each config file that this process has run.

    Config files are code, and processes that train together must run the same. They are loaded
    after `parallel.same_code` has compared all other code.
    """
    return dict(_executed)


def shipped_folder() -> Path:
    """Returns the folder of the shipped configs."""
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT


def find(name: str, folder: str = "") -> Path:
    """Finds the file of a config or study.

    Args:
      name: a path, which ends in `.py` or has a slash, or a bare name.
      folder: the folder below `configs` where bare names are looked up; `studies` for studies.

    Raises:
      UserError: no such file exists.
    """
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise UserError(
                f"--config cannot be read: there is no file {name}; a path is relative to the "
                "current folder"
            )
        return path

    folders = [root / folder for root in (Path(_PACKAGE), shipped_folder())]
    for root in folders:
        path = root / f"{name}.py"
        if path.is_file():
            return path

    hint = suggestion(name, _names(folders)) or f"; there are {', '.join(_names(folders))}"
    kind = "study" if folder == "studies" else "config"
    raise UserError(f"there is no {kind} {name!r}{hint}")


def _names(folders: Sequence[Path]) -> list[str]:
    names = {path.stem for folder in folders for path in folder.glob("*.py")}
    return sorted(names - _HELPERS)


def load(spec: str | None, changes: Sequence[str] = ()) -> ConfigDict:
    """Loads a config and changes some of its fields.

    Args:
      spec: `NAME[:TOKENS]` or `FILE[:TOKENS]`.
      changes: arguments as on the command line, such as `--config.batch_size=16`.

    Returns:
      The config, locked, with `~` expanded in path fields.

    Raises:
      UserError: the config is missing or unreadable, a field does not exist or cannot have the
        value, or a path is a URL.
    """
    config, _ = load_with_changes(spec, changes)
    return config


def load_with_changes(
    spec: str | None, changes: Sequence[str] = ()
) -> tuple[ConfigDict, dict[str, object]]:
    """Loads a config like `load`; also returns the changed fields, {dotted name: value}."""
    if spec is None:
        raise UserError(f"--config is missing; say, for example, {_EXAMPLE}")
    name, colon, tokens = spec.partition(":")
    path = find(name)

    config = call(path, "get_config", *([tokens] if colon else []))
    if not isinstance(config, ConfigDict):
        raise UserError(f"--config {path} is no config: its get_config() returns no ConfigDict")

    try:
        overrides = _change(config, changes)
    except flags.Error as error:
        raise UserError(_wrong_value(str(error))) from error
    except (AttributeError, KeyError) as error:
        raise UserError(_unknown_field(error, changes)) from error

    expand_paths(config)
    return config, overrides


@contextlib.contextmanager
def _importable(path: Path) -> Iterator[None]:
    """Makes `configs` mean the folder of a config file, then the shipped one, within the context.

    Args:
      path: the config file or study. If it is in no folder named `configs`, only the shipped
        configs can be imported.
    """
    own = [folder for folder in path.absolute().parents if folder.name == _PACKAGE][:1]
    folders = [str(folder.resolve()) for folder in (*own, shipped_folder())]
    present = sys.modules.get(_PACKAGE)
    is_same = present is not None and _first_folder(present) == folders[0]
    if is_same:
        # Its modules are loaded already. Other modules may hold references to them.
        yield
        return

    replaced = _pop_modules()
    package = types.ModuleType(_PACKAGE)
    package.__path__ = list(dict.fromkeys(folders))
    sys.modules[_PACKAGE] = package
    try:
        yield
    finally:
        _pop_modules()
        sys.modules.update(replaced)


def _first_folder(package: types.ModuleType) -> str:
    folders = list(getattr(package, "__path__", []))
    return str(Path(folders[0]).resolve()) if folders else ""


def _pop_modules() -> dict[str, types.ModuleType]:
    """Removes `configs` and its modules from the loaded modules and returns them."""
    names = [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]
    return {name: sys.modules.pop(name) for name in names}


def call(path: Path, function: str, *arguments: str) -> Any:
    """Runs a config file or a study, and returns what one of its functions returns.

    Args:
      path: the file.
      function: name of the function, `get_config` or `get_study`.
      *arguments: its arguments.

    Raises:
      UserError: the file is no Python file, lacks the function, or fails.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    # A path with a slash may have any suffix.
    if spec is None or spec.loader is None:
        raise UserError(f"--config cannot be read: {path} is no Python file; its name ends in .py")

    module = importlib.util.module_from_spec(spec)
    try:
        with _importable(path):
            spec.loader.exec_module(module)
            if not hasattr(module, function):
                raise UserError(
                    f"--config {path} has no {function}(); a config of `albar train` has "
                    "get_config(), a study of `albar study` get_study()"
                )
            _check_tokens(path, getattr(module, function), arguments)
            result = getattr(module, function)(*arguments)
            _record(path)
    except UserError:
        raise
    except Exception as error:
        # Such a file is code, so loading it may raise any error.
        lines = str(error).strip().splitlines() or ["no reason"]
        raise UserError(
            f"--config {path} cannot be read: {type(error).__name__}: {lines[-1].strip()}"
        ) from error

    return result


def _check_tokens(path: Path, function: Any, arguments: Sequence[str]) -> None:
    """Raises UserError if a function of a config file cannot take the text after the colon."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        if arguments:
            raise UserError(
                f"--config {path} takes nothing after a colon; leave out :{arguments[0]}"
            ) from error
        raise UserError(
            f"--config {path} needs an argument after a colon, as in --config {path}:ARGUMENT; "
            "the text at the top of the file describes it"
        ) from error


def _record(path: Path) -> None:
    """Adds a config file and the loaded modules of its `configs` to `executed_files`."""
    _executed[path.stem] = content_hash(path)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] == _PACKAGE:
            _executed[name] = content_hash(file)


def _change(config: ConfigDict, changes: Sequence[str]) -> dict[str, object]:
    """Changes fields in place and locks the config; returns the new values by field."""
    # ml_collections parses the values by the types of the fields. Its flags are kept apart from
    # those that libraries define for the process.
    values = flags.FlagValues()
    words = ["albar", *changes]
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=words)
    unused = values(words)[1:]
    if unused:
        raise UserError(f"{unused[0]!r} is not understood; options are named, as in --workdir DIR")
    return config_flags.get_override_values(values["config"])


def _wrong_value(message: str) -> str:
    """Returns the sentence for a value that the type of its field does not allow."""
    # Python's messages about numbers state no remedy.
    match = re.fullmatch(
        r"flag --(\S+?)=(.*): (?:could not convert string to (float)|invalid literal for int).*",
        message,
        re.DOTALL,
    )
    if match is None:
        return message
    field, value, is_float = match.groups()
    return f"{field} is {value!r}; it has to be a {'number' if is_float else 'whole number'}"


def _unknown_field(error: Exception, changes: Sequence[str]) -> str:
    """Returns the sentence for a change of a field that the config does not have."""
    # The message of ml_collections is quoted and escaped, once or twice. It may end with a guess.
    field, *guess = re.sub(r"\\n|\\|['\"]", " ", str(error)).split()
    for change in changes:
        if change.lstrip("-").startswith(f"config.methods.{field}."):
            return (
                f"the config does not use the method {field}; "
                f"name it after the colon, as in NAME:{field}"
            )

    # The message names only one part of a dotted field.
    names = [change.lstrip("-").partition("=")[0] for change in changes]
    dotted = next((name for name in names if field in name.split(".")), field)
    hint = f"did you mean {guess[3]}? " if guess else ""
    return (
        f"the config has no field {dotted}; {hint}"
        "docs/config.md and `albar train --help-config` list all fields"
    )
