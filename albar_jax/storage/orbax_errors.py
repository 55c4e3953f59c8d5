"""Shortens errors of orbax and tensorstore, and silences their background threads."""

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Iterator

import jax

from albar_jax.errors import StorageError, UserError

# Errors while reading a checkpoint that do not mean that its files are damaged.
NO_DAMAGE = (StorageError, MemoryError, jax.errors.JaxRuntimeError)


def in_words(error: Exception) -> str:
    """Returns the first line of an error, without tensorstore's own settings."""
    return (
        str(error).partition(" [tensorstore_spec")[0].strip() or type(error).__name__
    ).splitlines()[0]


@contextlib.contextmanager
def damage_as_user_error(message: Callable[[str], str]) -> Iterator[None]:
    """Converts errors of reading arrays to UserError, except those in `NO_DAMAGE`.

    Args:
      message: returns the message, given the first line of the error.
    """
    try:
        yield
    except (UserError, *NO_DAMAGE):
        raise
    # Untrusted metadata can make orbax raise any error.
    except Exception as error:
        raise UserError(message(in_words(error))) from error


@functools.cache
def print_no_background_errors() -> None:
    """Stops orbax and tensorstore from printing tracebacks of errors that they also raise.

    This holds for the rest of the process, because their threads outlive a failed checkpoint.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    print_unraisable = sys.unraisablehook

    def print_others(unraisable: "sys.UnraisableHookArgs") -> None:
        if "Event loop is closed" not in str(unraisable.exc_value):
            print_unraisable(unraisable)

    # tensorstore calls this hook for the remains of a failed write.
    sys.unraisablehook = print_others
