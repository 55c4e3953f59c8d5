"""Writes files atomically, and handles paths, folders and Unicode names."""

import contextlib
import errno
import hashlib
import lzma
import os
import pathlib
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from albar_jax.errors import UserError, naming
from albar_jax.storage import temporary

# At least two letters, because C:/ is a drive.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
# orbax uses the folder's name in glob patterns and URLs, so special characters break it.
_UNUSUAL = re.compile(r"[^A-Za-z0-9_/.,+=@ -]")
# Errors that zipfile raises for a damaged or unusual archive; RuntimeError if it is encrypted.
ZIP_ERRORS = (
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_KIND = re.compile(r"(\w+):(?!//)(.*)", re.DOTALL)

_MOUNTS = pathlib.Path("/proc/self/mountinfo")
# Permissions of new files, before the umask.
_MODE = 0o666


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields an empty temporary file that replaces `path` at the end of the context.

    After an error, `path` stays as it was. The temporary file is synced to the disk before it is
    renamed, so a power cut leaves the old file or the complete new one. Leftovers of a killed
    writer of `path` are removed; see `temporary`.
    """
    path = pathlib.Path(path)
    with naming(path), temporary.file_beside(path) as partial:
        yield partial
        temporary.put_in_place(partial, path)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text atomically and creates missing folders.

    Raises:
      UserError: the text holds a file name that is not UTF-8.
    """
    write_texts(path, [text])


def write_texts(path: str | os.PathLike, texts: Iterable[str]) -> None:
    """Writes texts one after the other like `write_text`; only one of them is in memory.

    Raises:
      UserError: a text holds a file name that is not UTF-8.
    """
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("wb") as file:
        for text in texts:
            file.write(_encoded(path, text))


def _encoded(path: str | os.PathLike, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        line = text[text.rfind("\n", 0, error.start) + 1 :].partition("\n")[0]
        raise UserError(
            f"{path} cannot hold {line!a}, which is not in UTF-8; rename the file or folder"
        ) from error


def open_regular(path: str | os.PathLike, flags: int = os.O_RDONLY | os.O_CLOEXEC) -> int:
    """Opens a regular file and returns its descriptor; can be used as the `opener` of `open`.

    Other files are refused: a pipe could block forever, and a device may have no end. With O_CREAT,
    a missing file is created as `open` does it.

    Raises:
      OSError: it cannot be opened or is not a regular file.
    """
    try:
        # With this flag, opening a pipe does not block until it has a writer.
        descriptor = os.open(path, flags | os.O_NONBLOCK, _MODE)
    # A file server has a lease on the file. A blocking call waits for its release, up to a minute.
    except BlockingIOError:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise
        descriptor = os.open(path, flags, _MODE)

    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor

    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))

    raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))


def read_text(path: str | os.PathLike, *, remedy: str = "") -> str:
    r"""Returns the text of a UTF-8 file without its byte order mark; line ends become "\n".

    Args:
      path: path of the file.
      remedy: end of the error message, such as "; delete it".

    Raises:
      UserError: the file cannot be read or is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8-sig", opener=open_regular) as file:
            return file.read()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}{remedy}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read {path}: it is not a text file in UTF-8{remedy}") from error


def read_lines(path: str | os.PathLike) -> list[bytes]:
    """Returns the lines of a journal that programs append to.

    The last line may be incomplete after a kill.

    Raises:
      FileNotFoundError: the file does not exist.
      UserError: the file cannot be read.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; move it away") from error


def content_hash(path: str | os.PathLike) -> str:
    """Returns 16 hexadecimal digits that identify the content of a file."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]


def make_folder(path: str | os.PathLike, flag: str) -> pathlib.Path:
    """Creates the folder that a flag names, if it does not exist.

    Args:
      path: path of the folder.
      flag: name of the flag for messages.

    Raises:
      UserError: the folder cannot be created or written to.
    """
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{flag} {path} cannot be created: {error.strerror}; choose another folder"
        ) from error

    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{flag} {path} cannot be written to; choose another folder")

    return folder


def user_cache() -> pathlib.Path | None:
    """Returns our folder in the user's cache; None without a writable home folder."""
    try:
        root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        folder = pathlib.Path(root) / "albar_jax"
        folder.mkdir(parents=True, exist_ok=True)
    # RuntimeError: HOME is not set and the user is unknown.
    except (OSError, RuntimeError):
        return None

    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def local_path(text: str) -> str:
    """Returns the local path of a flag or config field, with `~` expanded.

    Raises:
      UserError: for a URL, or for a `~` without a known home folder.
    """
    url = _URL.match(text)
    if url and url[1].lower() == "file":
        raise UserError(
            f"{text} is a URL; write the path alone, as in /{text[url.end() :].lstrip('/')}"
        )
    if url:
        raise UserError(
            f"{text} is a URL, and only local paths can be read and written; copy it, or mount it "
            "as a folder"
        )

    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise UserError(
            f"{text} begins with a ~, but there is no such home folder; write ./{text} if that is "
            "its name"
        )

    return expanded


def local_spec(text: str) -> str:
    """Expands `~` in a path or in `KIND:PATH`; see `local_path`."""
    spec = _KIND.fullmatch(text)
    return f"{spec[1]}:{local_path(spec[2])}" if spec else local_path(text)


@contextlib.contextmanager
def plainly_named(folder: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a name of a folder that is safe in patterns and URLs.

    A folder such as `exp[lr=0.1]` is named by its file descriptor, which is valid within the
    context.
    """
    folder = pathlib.Path(folder).absolute()
    if not _UNUSUAL.search(str(folder)) or not os.path.isdir("/proc/self/fd"):
        yield folder
        return

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield pathlib.Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def list_names(folder: str | os.PathLike[str]) -> list[str]:
    """Returns the names in a folder; none if the folder does not exist.

    Raises:
      UserError: permission is denied.
      OSError: the system failed.
    """
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise UserError(
            f"cannot list {folder}: {error.strerror}; correct its permissions"
        ) from error


def composed(name: str) -> str:
    """Returns a name in Unicode's composed form; macOS and some archives split é in two."""
    return unicodedata.normalize("NFC", name)


def mount_of(path: pathlib.Path) -> tuple[str, set[str]]:
    """Returns type and mount options of a file's file system; ("", empty set) if unknown."""
    try:
        device = os.stat(path).st_dev
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", set()

    # The fields of a line are described in proc(5).
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 5 and fields[2] == number:
            kind, _, options = after.split(" ")[:3]
            return kind, {*fields[5].split(","), *options.split(",")}

    return "", set()
