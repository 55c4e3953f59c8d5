"""The one exception for a mistake that the user can mend, and what a command line makes of it."""

import os
import select
import signal
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

_UNREAD = 128 + signal.SIGPIPE  # as shells say it


class UserError(ValueError):
    """A wrong flag, a missing file, a checkpoint of another shape.

    The message is one clear sentence: what is wrong, where, and how to mend it. Command line programs
    print it without a traceback and exit with status 2.
    """


class StorageError(Exception):
    """The system failed to read a file that may be sound: a disk, a network mount, too many open files, no memory.

    The message is one clear sentence that names the file and the fault. Not a ValueError or an OSError, so that nothing
    which judges the content of a file takes this for a judgement. Programs print it and exit with status 2.
    """


def exit_status(work: Callable[[], None]) -> int:
    """Runs a command that can be given again; a mistake of the user's, or of the disk's, is one sentence and 2."""
    try:
        work()
    except (UserError, StorageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise  # not the disk: `leave` knows it
    except OSError as error:
        print(f"error: cannot read or write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


def leave(main: Callable[[], int | None]) -> NoReturn:
    """Ends the program with what `main` returns; quietly, with 141, if nobody reads on what it prints (`| head`).

    Raises:
      SystemExit: always.
      BrokenPipeError: another pipe broke, between processes say.
    """
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    try:
        try:
            status = main()
        except SystemExit as ending:  # as argparse ends after --help
            status = ending.code
        for stream in streams:
            stream.flush()  # now, for at the exit of Python nobody can catch it
    except BrokenPipeError:
        unread = [stream for stream in streams if _is_unread(stream)]
        if not unread:
            raise
        for stream in unread:  # what is left in it goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        status = _UNREAD
    sys.exit(status)


def _is_unread(stream: TextIO) -> bool:
    """Asks the pipe itself: what could not be written need not be in the buffer any more."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
