"""What orbax and tensorstore say when they fail: one line of it, and nothing from their threads."""

import functools
import logging
import sys


def in_words(error: Exception) -> str:
    """Returns the first line of an error, without tensorstore's own settings."""
    return (str(error).partition(" [tensorstore_spec")[0].strip() or type(error).__name__).splitlines()[0]


@functools.cache
def print_no_background_errors() -> None:
    """Keeps orbax and tensorstore from printing errors, with tracebacks of their threads, that they raise as well.

    For the rest of the process: their threads and tasks outlive the checkpoint that could not be written.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    print_unraisable = sys.unraisablehook

    def print_others(unraisable: "sys.UnraisableHookArgs") -> None:
        if "Event loop is closed" not in str(unraisable.exc_value):
            print_unraisable(unraisable)

    sys.unraisablehook = print_others  # which tensorstore calls for what is left of a failed write
