"""Runs the commands that compute with JAX: logging, compilation cache, errors of processes."""

import contextlib
import faulthandler
import io
import os
import pathlib
import shutil
import signal
import stat
from collections.abc import Callable
from typing import NoReturn

import jax
from absl import flags, logging

from albar_jax.errors import in_words, leave
from albar_jax.files import user_cache
from albar_jax.parallel import failures
from albar_jax.terminal.escapes import notify, printable
from albar_jax.train.damaged_programs import replace_damaged_programs

# The status that shells report for a process that Ctrl-C ended.
INTERRUPTED = 128 + signal.SIGINT
# Programs are not cached on a disk with less free space than this, in bytes.
CACHE_BYTES = 1 << 30


def leave_with(work: Callable[[], int | None]) -> NoReturn:
    """Runs `work` like `run` and exits with its status; for programs other than `albar`."""
    leave(lambda: run(work))


def run(work: Callable[[], int | None]) -> int | None:
    """Runs `work` and reports its errors; of several processes, all end with the first that fails.

    Returns:
      The status that `work` returns, 2 after a mistake of the user, or 130 after Ctrl-C.
    """
    _set_up_libraries()
    try:
        return work()
    except KeyboardInterrupt:
        # Training handles Ctrl-C itself and saves first. This Ctrl-C came before or after training.
        return failures.fail("interrupted", INTERRUPTED)
    except Exception as error:
        sentence = in_words(error)
        if sentence is not None:
            return failures.fail(f"error: {printable(sentence)}", 2)

        # The other processes would wait for this one.
        if jax.distributed.is_initialized():
            return failures.fail(failures.describe(error), 1)
        raise


def keep_compiled() -> None:
    """Enables the compilation cache in the user's cache folder; call it before any computation.

    JAX's own variables take precedence: JAX_COMPILATION_CACHE_DIR names the folder, and
    JAX_ENABLE_COMPILATION_CACHE=false disables the cache. It is also disabled if there is no home
    directory or the disk is almost full. Compiled programs are code, so only this user may access
    the folder. A folder of another user is not used. A folder that others could write to is emptied
    first. A damaged program is compiled again.
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


def _set_up_libraries() -> None:
    # Orbax and Grain log through absl, including messages that do not concern the user.
    logging.set_verbosity(logging.ERROR)
    logging.use_absl_handler()
    # They also define absl flags, which raise an error if they are read before they are parsed.
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()

    # Prints a traceback if a native library crashes. A replaced stderr may have no file descriptor.
    with contextlib.suppress(io.UnsupportedOperation):
        faulthandler.enable()
    replace_damaged_programs()


def _is_private(folder: pathlib.Path) -> bool:
    """Creates a folder for this user alone; returns False if it belongs to another user."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)

    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        notify(
            f"note: {folder} is not a folder of this user, so compiled programs are not cached; "
            "set XDG_CACHE_HOME to a folder of your own"
        )
        return False

    if status.st_mode & 0o077:
        folder.chmod(0o700)
    if status.st_mode & 0o022:
        for entry in folder.iterdir():
            if not entry.is_dir():
                entry.unlink()
    return True
