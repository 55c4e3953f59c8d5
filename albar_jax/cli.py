"""What the command line programs share: a user's mistake is one sentence, not a traceback."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import stat
import sys
from collections.abc import Callable
from typing import NoReturn

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict

from albar_jax.config import expand_paths
from albar_jax.errors import UserError, in_words, leave
from albar_jax.files import local_path, user_cache
from albar_jax.parallel import hosts
from albar_jax.terminal.escapes import notify, printable
from albar_jax.train.damaged_programs import replace_damaged_programs

INTERRUPTED = 128 + signal.SIGINT  # as shells say it
# Compiled programs are not cached with less free space than this.
CACHE_BYTES = 1 << 30


def run(main: Callable[[], int | None]) -> NoReturn:
    """Parses the flags, runs `main`, and exits: with what it returns, or 2 after a user's mistake."""
    # Libraries warn about their own affairs at this level; what concerns the user is printed or raised.
    logging.set_verbosity(logging.ERROR)
    replace_damaged_programs()
    leave(lambda: app.run(lambda _: _run(main), flags_parser=_parse))


def keep_compiled() -> None:
    """Enables the compilation cache in the user's cache folder; call it before any computation.

    JAX's own variables take precedence: JAX_COMPILATION_CACHE_DIR names the folder,
    JAX_ENABLE_COMPILATION_CACHE=false disables the cache. It is also disabled if there is no home directory or the disk
    is almost full. Compiled programs are code, so only this user may access the folder. A folder of another user is not
    used, and a folder that others could write to is emptied first. A damaged program is compiled again.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    caches = user_cache()
    # JAX does not write atomically: a full disk would leave a truncated program.
    if caches is None or shutil.disk_usage(caches).free <= CACHE_BYTES:
        return
    folder = caches / "compiled"
    if _is_private(folder):
        jax.config.update("jax_compilation_cache_dir", str(folder))


def _is_private(folder: pathlib.Path) -> bool:
    """Creates a folder that only this user can access; returns False if it belongs to another user."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        notify(
            f"note: {folder} is not a folder of this user, so compiled programs are not cached; set XDG_CACHE_HOME to "
            "a folder of your own"
        )
        return False

    if status.st_mode & 0o077:
        folder.chmod(0o700)
    if status.st_mode & 0o022:
        for entry in folder.iterdir():
            if not entry.is_dir():
                entry.unlink()
    return True


def config_dict(value: ConfigDict | None) -> ConfigDict:
    """Returns the config of `--config`, with `~` expanded in path fields.

    Raises:
      UserError: the config is missing or unreadable, or a path is a URL.
    """
    if value is None:
        raise UserError(
            "--config is missing; say, for example, --config configs/quickstart.py:albar"
        )
    if isinstance(value, ConfigDict):
        expand_paths(value)
        return value
    try:
        value.name  # noqa: B018  ml_collections keeps the error of a config file for the first access
    except Exception as error:
        raise UserError(_unreadable_config(error)) from error
    raise UserError("--config does not name a file with a get_config() that returns a ConfigDict")


def _run(main: Callable[[], int | None]) -> int | None:
    try:
        return main()
    except KeyboardInterrupt:  # before or after training, which saves first
        return hosts.fail("interrupted", INTERRUPTED)
    except Exception as error:
        sentence = in_words(error)
        if sentence is not None:
            return hosts.fail(f"error: {printable(sentence)}", 2)
        if jax.distributed.is_initialized():  # the others would wait for this process
            return hosts.fail(hosts.in_words(error), 1)
        raise


def _parse(arguments: list[str]) -> list[str]:
    try:
        rest = flags.FLAGS(_with_local_configs(arguments))
        if len(rest) > 1:
            raise UserError(
                f"{rest[1]!r} is not understood; all arguments are flags, as in --workdir DIR"
            )
        return rest
    except flags.Error as error:
        message = f"{_last_line(error)}; --help lists the flags"
    except UserError as error:
        message = str(error)
    except (AttributeError, KeyError) as error:
        # How ml_collections reports `--config.some.field=...` for a field that is not there.
        # It comes quoted and escaped, once or twice, and may go on with a guess of what was meant.
        field, *guess = re.sub(r"\\n|\\|['\"]", " ", str(error)).split()
        hint = f"did you mean {guess[3]}? " if guess else ""
        message = f"the config has no field {field}; {hint}configs/base.py lists all fields, but for those of methods"
        if any(
            argument.lstrip("-").startswith(f"config.methods.{field}.") for argument in arguments
        ):
            message = f"the config does not use the method {field}; {hint}name it behind the colon, as in NAME.py:{field}"
    except BrokenPipeError:  # of --help
        raise
    except (
        OSError,
        ImportError,
        SyntaxError,
    ) as error:  # of a config file, when flags change its fields
        message = _unreadable_config(error)
    notify(f"error: {message}")
    sys.exit(2)


def _with_local_configs(arguments: list[str]) -> list[str]:
    """Expands `~` in the values of --config, which ml_collections opens while flags are read."""
    words = list(arguments)
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--config", "-config"):
            if equals:
                words[place] = f"{name}={local_path(value)}"
            elif place + 1 < len(words):
                words[place + 1] = local_path(words[place + 1])

    return words


def _unreadable_config(error: Exception) -> str:
    hint = "; a path is relative to the current folder" if "No such file" in str(error) else ""
    return f"--config cannot be read: {_last_line(error)}{hint}"


def _last_line(error: Exception) -> str:
    """What went wrong in a config file: ml_collections makes a whole traceback of it, whose last line says it."""
    return (
        str(error)
        .strip()
        .splitlines()[-1]
        .strip()
        .removeprefix(f"{UserError.__module__}.UserError: ")
    )
