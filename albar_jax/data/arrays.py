"""Reads arrays of .npz files without trusting their headers.

numpy parses the header of an array with Python's parser and allocates the size that the header claims.
Here a header must have numpy's plain form. The array must fit its file and a limit before memory is
allocated. Arrays of Python objects are never read.
"""

import math
import re
import zipfile
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from albar_jax.data.readers import archives
from albar_jax.files import ZIP_ERRORS
from albar_jax.storage.budget import MAX_BYTES

_MAGIC = b"\x93NUMPY"
# numpy has the same limit.
_MOST_HEADER = 10_000
_DESCR = re.compile(r"""(['"])descr\1\s*:\s*(['"])(?P<value>[<>|=]?[biufSU?]\d{0,9})\2""")
_ORDER = re.compile(r"""(['"])fortran_order\1\s*:\s*(?P<value>True|False)""")
# Python 2 wrote 3L for 3.
_SHAPE = re.compile(r"""(['"])shape\1\s*:\s*\((?P<value>[\d\sL,]*)\)""")
_SIDE = re.compile(r"\d{1,18}", re.ASCII)


class ArrayError(ValueError):
    """An array that cannot be read; the message gives the reason without the file name."""


def read_npz(
    file: BinaryIO, wanted: Sequence[str], optional: Sequence[str] = (), *, limit: int = MAX_BYTES
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz file by name.

    Args:
      file: seekable file.
      wanted: names of required arrays.
      optional: names of arrays that may be missing; the result then lacks them.
      limit: maximum size of one array, in bytes.

    Returns:
      Arrays of numbers, booleans or text by name.

    Raises:
      ArrayError: the archive or an array is damaged, too large, missing, or holds something else.
      StorageError: the system failed to read the file.
    """
    try:
        archives.check_directory(file)
        with zipfile.ZipFile(file) as archive:
            held = set(archive.namelist())
            missing = [name for name in wanted if f"{name}.npy" not in held]
            if missing:
                raise ArrayError(f"it has no array {missing[0]!r}")
            chosen = [*wanted, *(name for name in optional if f"{name}.npy" in held)]
            return {name: _read_member(archive, f"{name}.npy", limit) for name in chosen}
    except ArrayError:
        raise
    except ZIP_ERRORS as error:
        # An error with an errno comes from the system, not from the contents of the file.
        if isinstance(error, OSError) and error.errno:
            raise
        raise ArrayError(
            f"it is not a valid .npz file ({error or type(error).__name__})"
        ) from error


def _read_member(archive: zipfile.ZipFile, member: str, limit: int) -> np.ndarray:
    if archive.getinfo(member).compress_type not in archives.BOUNDED:
        raise ArrayError(f"{member} is neither stored nor deflated, as numpy writes it")
    with archive.open(member) as file:
        dtype, shape, order = _header(file, member)
        count = math.prod(shape)
        size = count * dtype.itemsize
        # Empty text has no bytes.
        if max(size, count) > limit:
            raise ArrayError(
                f"{member} has the shape {_short(shape)}, which is more than {limit:,} bytes"
            )
        data = file.read(size + 1)

    if len(data) != size:
        raise ArrayError(
            f"{member} has the shape {_short(shape)} of {dtype}, which does not fit its data"
        )
    array = np.frombuffer(data, dtype) if size else np.zeros(count, dtype)

    return array.reshape(shape, order=order)


def _header(file: BinaryIO, member: str) -> tuple[np.dtype, tuple[int, ...], str]:
    """Reads the header of an array: dtype, shape, and "C" or "F" for the order."""
    start = file.read(len(_MAGIC) + 2)
    if start[:-2] != _MAGIC or start[-2] not in (1, 2, 3):
        raise ArrayError(f"{member} is not a numpy array")

    width = 2 if start[-2] == 1 else 4
    length = int.from_bytes(file.read(width), "little")
    if length > _MOST_HEADER:
        raise ArrayError(f"{member} has a header of {length:,} bytes, longer than any valid header")

    text = file.read(length).decode("latin1")

    found = [pattern.findall(text) for pattern in (_DESCR, _ORDER, _SHAPE)]
    if [len(matches) for matches in found] != [1, 1, 1]:
        raise ArrayError(
            f"{member} is not an array of plain numbers or text: its header is {text.strip()[:100]!r}"
        )
    (((*_, descr),), ((_, order),), ((_, sides),)) = found

    return _dtype(descr, member), _shape(sides, member), "F" if order == "True" else "C"


def _dtype(descr: str, member: str) -> np.dtype:
    try:
        return np.dtype(descr)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArrayError(f"{member} has the unknown type {descr!r}") from error


def _shape(text: str, member: str) -> tuple[int, ...]:
    sides = [side.strip().removesuffix("L") for side in text.split(",") if side.strip()]
    if len(sides) > 32 or not all(map(_SIDE.fullmatch, sides)):
        raise ArrayError(f"{member} has the invalid shape ({text[:100]})")
    return tuple(map(int, sides))


def _short(shape: tuple[int, ...]) -> str:
    return str(shape) if len(shape) < 8 else f"of {len(shape)} dimensions"
