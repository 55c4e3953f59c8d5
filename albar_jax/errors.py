"""Defines the exceptions for users' mistakes and storage faults, and how commands report them."""

import codecs
import contextlib
import errno
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from tqdm import tqdm

from albar_jax.terminal import early
from albar_jax.terminal.escapes import notify

# Exit statuses of shells for a program that a signal has ended.
_INTERRUPTED = 128 + signal.SIGINT
_UNREAD = 128 + signal.SIGPIPE
_FULL = {errno.ENOSPC: "no space is left", errno.EDQUOT: "the disk quota is used up"}
# Messages of C++ libraries, which do not raise OSError.
_FULL_TEXTS = {os.strerror(number): words for number, words in _FULL.items()}
# Replacements for terminals that cannot encode these characters.
_PLAIN = {
    "↑": "^",
    "↓": "v",
    "±": "+-",
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "…": "...",
    "·": ".",
}
_ENCODING_ERRORS = "albar_jax.plain"
# Maximum length of a printed sentence, in characters.
_LONGEST = 2000


class UserError(ValueError):
    """An error for a user's mistake: a wrong flag, a missing file, a checkpoint of another shape.

    The message is one clear sentence: what is wrong, where, and how to fix it. Command line
    programs print it without a traceback and exit with status 2.
    """


class StorageError(Exception):
    """An error for a system that fails to read a file that may be sound.

    Examples are disk and network faults. The message is one sentence that names the file and the
    fault. It is not a ValueError or OSError, so that handlers of damaged files do not catch it.
    Programs print it and exit with status 2.
    """


def exit_status(work: Callable[[], int | None]) -> int:
    """Runs a command that can be repeated and reports its errors on stderr.

    Args:
      work: the command.

    Returns:
      The status that `work` returns, with 0 for None; 2 after a mistake of the user or a storage
      fault, 130 after Ctrl-C.
    """
    try:
        return work() or 0
    except KeyboardInterrupt:
        say("interrupted; repeat the command to resume")
        return _INTERRUPTED
    except Exception as error:
        sentence = in_words(error)
        if sentence is None:
            raise
        say(f"error: {sentence}")
        return 2


def say(*sentences: str) -> None:
    """Prints each sentence on its own line on stderr, below any progress bar; see `escapes`."""
    for bar in list(getattr(tqdm, "_instances", ())):
        bar.close()

    notify(*sentences)


def in_words(error: BaseException) -> str | None:
    """Returns the sentence for a user's mistake or a file system error; None for other errors."""
    if isinstance(error, UserError | StorageError):
        return _shortened(str(error))

    # `leave` handles broken pipes.
    if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
        return None
    if error.filename is None:
        return None

    name = os.fsdecode(error.filename)
    if error.errno in _FULL:
        return _full_disk(_FULL[error.errno], _folder_of(name))
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"cannot open {name}: too many files are open; raise the limit with `ulimit -n`"

    return f"cannot read or write {name}: {error.strerror}"


def _shortened(sentence: str) -> str:
    """Cuts the middle out of a long sentence, which may quote a huge field of a file.

    The remedy at the end of the sentence stays.
    """
    if len(sentence) <= _LONGEST:
        return sentence

    return f"{sentence[: _LONGEST // 2]} [...] {sentence[-_LONGEST // 2 :]}"


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Adds `path` to OSErrors without a file name, or with a temporary one."""
    try:
        yield
    except OSError as error:
        # Pipes and connections have no file; PyAV's temporary files have URLs for names.
        names_none = error.filename is None or str(error.filename).startswith("file:")
        if names_none and error.errno is not None and not isinstance(error, ConnectionError):
            error.filename = os.fspath(path)
        raise


@contextlib.contextmanager
def full_disk_as_user_error(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Converts full-disk errors of any library into a UserError that names the folder.

    Args:
      folder: output folder, used if the error names no file.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        words = _full(error)
        if words is None:
            raise

        place = os.fspath(folder)
        name = getattr(error, "filename", None)
        if name is not None:
            place = _folder_of(os.fsdecode(name))
        raise UserError(_full_disk(words, place)) from error


def _full(error: BaseException | None) -> str | None:
    """Returns the full-disk message behind an error, also if a library wrapped it; else None."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _FULL:
            return _FULL[error.errno]

        for text, words in _FULL_TEXTS.items():
            if text in str(error):
                return words

        error = error.__cause__ or error.__context__

    return None


def _full_disk(words: str, folder: str) -> str:
    return (
        f"{words} on the disk of {folder}; free some, then repeat the command, or choose another "
        "folder"
    )


def _folder_of(path: str) -> str:
    if os.path.isdir(path):
        return path

    return os.path.dirname(path) or "."


def leave(main: Callable[[], int | None]) -> NoReturn:
    """Exits with the status of `main`, or silently with 141 if its output pipe is closed.

    Args:
      main: the program; returns its exit status.

    Raises:
      SystemExit: always.
      BrokenPipeError: another pipe broke, such as one between processes.
    """
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    _print_in_any_encoding(streams)
    sys.excepthook = _print_traceback
    try:
        status = _status_of(main)
        # Flush now, because errors at Python's exit cannot be caught.
        for stream in streams:
            stream.flush()
    except BrokenPipeError:
        unread = [stream for stream in streams if _is_unread(stream)]
        if not unread:
            raise

        # Discard what is left in the buffers.
        for stream in unread:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        status = _UNREAD

    sys.exit(status)


def _status_of(main: Callable[[], int | None]) -> Any:
    """Returns the status of `main`; prints one word after a Ctrl-C that `main` does not handle."""
    is_program = early.ends_at_once()
    try:
        try:
            return main()
        # argparse raises it after --help.
        except SystemExit as ending:
            return ending.code
        finally:
            # From here on, only the exit is left, so a signal may end the process.
            if is_program:
                early.end_at_once()
    except KeyboardInterrupt:
        say("interrupted")
        return _INTERRUPTED


def _print_traceback(*error: Any) -> None:
    """Prints the traceback of a bug, escaped because it may contain file names."""
    notify(*"".join(traceback.format_exception(*error)).rstrip().split("\n"))


def _print_in_any_encoding(streams: list[TextIO]) -> None:
    """Makes streams replace characters that they cannot encode instead of raising an error."""
    codecs.register_error(_ENCODING_ERRORS, _plain)
    for stream in streams:
        # A replaced stream may lack this method.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_ENCODING_ERRORS)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replaces characters, as a handler of `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error

    escaped = ""
    for letter in error.object[error.start : error.end]:
        escaped += _PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode()

    return escaped, error.end


def _is_unread(stream: TextIO) -> bool:
    """Asks the pipe of a stream whether its reader has closed it.

    The buffer of the stream does not show this, because it may be empty already.
    """
    poll = select.poll()
    poll.register(stream.fileno(), 0)

    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
