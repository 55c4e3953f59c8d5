"""The one exception for a mistake that the user can mend, and what a command line makes of it."""

import sys
from collections.abc import Callable


class UserError(ValueError):
    """A wrong flag, a missing file, a checkpoint of another shape.

    The message is one clear sentence: what is wrong, where, and how to mend it. Command line programs
    print it without a traceback and exit with status 2.
    """


def exit_status(work: Callable[[], None]) -> int:
    """Runs a command that can be given again; a mistake of the user's, or of the disk's, is one sentence and 2."""
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot read or write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0
