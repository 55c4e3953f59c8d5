"""Reads arrays of .npy and .npz files without trusting their headers.

numpy parses the header of an array with Python's parser and allocates the size that the header
claims. Here a header must have numpy's plain form. The array must fit its file and a limit before
memory is allocated. Arrays of Python objects are never read.
"""

import math
import re
import zipfile
from collections.abc import Sequence
from typing import Literal

import numpy as np

from albar_jax.data.readers import archives
from albar_jax.files import ZIP_ERRORS
from albar_jax.storage.budget import MAX_BYTES
from albar_jax.storage.seekable import SeekableFile

_MAGIC = b"\x93NUMPY"
# Bytes of a header; numpy has the same limit.
_MAX_HEADER = 10_000
# The three fields of a header.
_DESCR = re.compile(r"""(['"])descr\1\s*:\s*(['"])(?P<value>[<>|=]?[biufSU?]\d{0,9})\2""")
_ORDER = re.compile(r"""(['"])fortran_order\1\s*:\s*(?P<value>True|False)""")
# Python 2 wrote 3L for 3.
_SHAPE = re.compile(r"""(['"])shape\1\s*:\s*\((?P<value>[\d\sL,]*)\)""")
_SIDE = re.compile(r"\d{1,18}", re.ASCII)


class ArrayError(ValueError):
    """An error for an array that cannot be read; the message has no file name."""


def read_npz(
    file: SeekableFile,
    wanted: Sequence[str],
    optional: Sequence[str] = (),
    *,
    limit: int = MAX_BYTES,
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz file by name.

    Args:
      file: seekable file.
      wanted: names of required arrays.
      optional: names of arrays that may be missing; the result then lacks them.
      limit: maximum size of one array, in bytes and in elements.

    Returns:
      Arrays of numbers, booleans or text by name.

    Raises:
      ArrayError: the archive or an array is damaged, too large, missing, or holds something else.
      StorageError: the system failed to read the file.
    """
    try:
        archives.check_directory(file)
        with zipfile.ZipFile(file) as archive:
            return _read_arrays(archive, wanted, optional, limit)
    except ArrayError:
        raise
    except ZIP_ERRORS as error:
        # An error with an errno comes from the system, not from the contents of the file.
        if isinstance(error, OSError) and error.errno:
            raise
        raise ArrayError(
            f"it is not a valid .npz file ({str(error) or type(error).__name__})"
        ) from error


def read_npy(file: SeekableFile, name: str, *, limit: int = MAX_BYTES) -> np.ndarray:
    """Reads the array of an .npy file.

    Args:
      file: the open file.
      name: name of the file for messages.
      limit: maximum size, in bytes and in elements.

    Raises:
      ArrayError: the array is damaged or too large, or holds something else.
      StorageError: the system failed to read the file.
    """
    return _read_array(file, name, limit)


def _read_arrays(
    archive: zipfile.ZipFile, wanted: Sequence[str], optional: Sequence[str], limit: int
) -> dict[str, np.ndarray]:
    members = set(archive.namelist())

    for name in wanted:
        if f"{name}.npy" not in members:
            raise ArrayError(f"it has no array {name!r}")

    chosen = [*wanted]
    for name in optional:
        if f"{name}.npy" in members:
            chosen.append(name)

    return {name: _read_member(archive, f"{name}.npy", limit) for name in chosen}


def _read_member(archive: zipfile.ZipFile, member: str, limit: int) -> np.ndarray:
    if archive.getinfo(member).compress_type not in archives.BOUNDED:
        raise ArrayError(f"{member} is neither stored nor deflated, as numpy writes it")

    with archive.open(member) as file:
        return _read_array(file, member, limit)


def _read_array(file: SeekableFile, member: str, limit: int) -> np.ndarray:
    dtype, shape, order = _header(file, member)
    count = math.prod(shape)
    size = count * dtype.itemsize
    # Texts of length 0 have no bytes, but each becomes an object.
    if max(size, count) > limit:
        raise ArrayError(
            f"{member} has the shape {_short(shape)}, which is more than {limit:,} bytes"
        )
    # One byte more than expected, to detect a longer member.
    data = file.read(size + 1)

    if len(data) != size:
        raise ArrayError(
            f"{member} has the shape {_short(shape)} of {dtype}, which does not fit its data"
        )

    # numpy refuses an empty buffer.
    array = np.frombuffer(data, dtype) if size else np.zeros(count, dtype)

    return array.reshape(shape, order=order)


def _header(file: SeekableFile, member: str) -> tuple[np.dtype, tuple[int, ...], Literal["C", "F"]]:
    """Reads the header of an array: dtype, shape, and "C" or "F" for the memory order."""
    start = file.read(len(_MAGIC) + 2)
    if start[:-2] != _MAGIC or start[-2] not in (1, 2, 3):
        raise ArrayError(f"{member} is not a numpy array")

    width = 2 if start[-2] == 1 else 4
    length = int.from_bytes(file.read(width), "little")
    if length > _MAX_HEADER:
        raise ArrayError(f"{member} has a header of {length:,} bytes, longer than any valid header")

    text = file.read(length).decode("latin1")

    descr = _only_match(_DESCR, text)
    is_fortran_order = _only_match(_ORDER, text)
    sides = _only_match(_SHAPE, text)
    if descr is None or is_fortran_order is None or sides is None:
        raise ArrayError(
            f"{member} is not an array of plain numbers or text: its header is "
            f"{text.strip()[:100]!r}"
        )

    order = "F" if is_fortran_order == "True" else "C"
    return _dtype(descr, member), _shape(sides, member), order


def _only_match(pattern: re.Pattern[str], text: str) -> str | None:
    """Returns the value of a field, or None unless the text has it exactly once."""
    matches = list(pattern.finditer(text))
    if len(matches) != 1:
        return None
    return matches[0]["value"]


def _dtype(descr: str, member: str) -> np.dtype:
    try:
        return np.dtype(descr)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArrayError(f"{member} has the unknown type {descr!r}") from error


def _shape(text: str, member: str) -> tuple[int, ...]:
    sides = [side.strip().removesuffix("L") for side in text.split(",") if side.strip()]
    # numpy's limit of dimensions.
    if len(sides) > 32 or not all(map(_SIDE.fullmatch, sides)):
        raise ArrayError(f"{member} has the invalid shape ({text[:100]})")
    return tuple(map(int, sides))


def _short(shape: tuple[int, ...]) -> str:
    """Formats a shape for a message."""
    if len(shape) < 8:
        return str(shape)
    return f"of {len(shape)} dimensions"
