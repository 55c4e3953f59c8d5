"""Reads an array of numbers from a MATLAB file of version 4 to 7, without compiled code.

Damaged files crash scipy's compiled reader. Here every size is checked against the file before it
is used. Version 7.3 is HDF5 and is refused. Reference: MathWorks, "MAT-File Format".
"""

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from albar_jax.storage.budget import MAX_BYTES
from albar_jax.storage.seekable import SeekableFile

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# NumPy types by the type numbers of version 5. Numeric arrays have the class numbers 6 to 15.
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_NUMERIC = range(6, 16)
_OBJECT = 17
# NumPy types in the order of the type numbers of version 4.
_TYPES_OF_4 = ("f8", "f4", "i4", "i2", "u2", "u1")
# Bytes of the header of a version 4 array.
_HEADER_OF_4 = 20
# The header of an array takes fewer bytes; MATLAB's names have at most 63 letters.
_START = 4096


class MatError(ValueError):
    """A file that cannot be read; the message gives the reason without the file name."""


def read_mat(file: SeekableFile, name: str, *, limit: int = MAX_BYTES) -> np.ndarray | None:
    """Returns a variable of real numbers in its MATLAB shape; None if the file does not have it.

    Args:
      file: the file.
      name: name of the variable.
      limit: maximum size of the variable, in bytes.

    Raises:
      MatError: the file is damaged or has version 7.3, or the variable is too large or is not an
        array of numbers.
    """
    data = memoryview(file.read())
    if len(data) < _HEADER_OF_4:
        raise MatError("it is cut off")
    # Version 4 begins with a small number, version 5 with text.
    if 0 in bytes(data[:4]):
        return _read_4(data, name, limit)

    order = _byte_order(data)
    for kind, content in _elements(data[_HEADER:], order):
        if kind == _COMPRESSED:
            matrix = _inflated(content, order, name, limit)
        elif kind == _MATRIX:
            matrix = content
        else:
            continue
        if matrix is not None and _name_of(matrix, order) == name:
            return _array(matrix, order, limit)

    return None


def _byte_order(data: memoryview) -> str:
    """Returns the byte order of a version 5 file, "<" or ">"; checks its version."""
    mark = bytes(data[126:_HEADER])
    if len(data) < _HEADER or mark not in (b"IM", b"MI"):
        raise MatError("it has no MATLAB header")

    order = "<" if mark == b"IM" else ">"
    if struct.unpack_from(f"{order}H", data, 124)[0] != 0x0100:
        raise MatError("it is of version 7.3 (HDF5); save it with -v7")
    return order


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yields type and content of each element."""
    place = 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        start = place + 8
        # A small element stores its size in the upper half of the first number.
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
            if size > 4:
                raise MatError("a small element is too large")
        if size > len(data) - start:
            raise MatError("it is cut off")

        yield kind, data[start : start + size]

        if start == place + 4:
            place += 8
        else:
            padding = 0 if kind == _COMPRESSED else -size % 8
            place = start + size + padding


def _inflated(content: memoryview, order: str, name: str, limit: int) -> memoryview | None:
    """Decompresses an array if it has this name; returns None otherwise."""
    try:
        start = memoryview(zlib.decompressobj().decompress(content, _START))
        if len(start) < 8 or struct.unpack_from(f"{order}I", start)[0] != _MATRIX:
            return None
        (size,) = struct.unpack_from(f"{order}I", start, 4)
        if _name_of(start[8:], order) != name:
            return None

        if size > limit:
            raise MatError(f"{name} has {size:,} bytes; the limit is {limit:,}")
        whole = zlib.decompressobj().decompress(content, size + 8)
    except zlib.error as error:
        raise MatError(f"its compressed data are damaged ({error})") from error

    if len(whole) < size + 8:
        raise MatError("its compressed data are cut off")

    return memoryview(whole)[8:]


def _fields(matrix: memoryview, order: str) -> tuple[int, tuple[int, ...], str]:
    """Returns class, shape and name of an array."""
    # `matrix` may be cut off after these fields.
    fields = []
    elements = _elements(matrix, order)
    for _ in range(3):
        kind, content = next(elements, (0, memoryview(b"")))
        fields.append((kind, bytes(content[:_START])))

    (_, flags), (kind, sides), (_, name) = fields
    if len(flags) != 8 or kind != 5 or not 8 <= len(sides) <= 128 or len(sides) % 4:
        raise MatError("the header of an array is damaged")

    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    if min(shape) < 0:
        raise MatError(f"an array has the shape {shape}")

    return struct.unpack_from(f"{order}I", flags)[0], shape, name.rstrip(b"\0").decode("latin1")


def _name_of(matrix: memoryview, order: str) -> str:
    # MATLAB objects have no shape.
    _, flags = next(_elements(matrix, order), (0, memoryview(b"")))
    is_object = len(flags) == 8 and struct.unpack_from(f"{order}I", flags)[0] & 0xFF == _OBJECT
    if is_object:
        return ""

    _, _, name = _fields(matrix, order)
    return name


def _array(matrix: memoryview, order: str, limit: int) -> np.ndarray:
    """Returns the numbers of an array in its shape."""
    flags, shape, name = _fields(matrix, order)
    # Bit 11 marks complex numbers.
    if flags & 0xFF not in _NUMERIC or flags & 0x800:
        raise MatError(f"{name} is not an array of real numbers")

    elements = list(_elements(matrix, order))
    kind, content = elements[3] if len(elements) > 3 else (0, memoryview(b""))
    if kind not in _TYPES:
        raise MatError(f"{name} is not an array of numbers")

    return _shaped(content, np.dtype(order + _TYPES[kind]), shape, name, limit)


def _read_4(data: memoryview, name: str, limit: int) -> np.ndarray | None:
    """Returns a variable of a version 4 file; it has two dimensions."""
    place = 0
    while place + _HEADER_OF_4 <= len(data):
        order = "<" if int.from_bytes(data[place : place + 4], "little") < 10_000 else ">"
        kind, rows, columns, is_complex, length = struct.unpack_from(f"{order}5i", data, place)
        number = kind // 10 % 10
        if (
            not 0 <= kind < 5000
            or number >= len(_TYPES_OF_4)
            or min(rows, columns) < 0
            or not 0 < length < _START
        ):
            raise MatError("it has no MATLAB header")

        dtype = np.dtype(order + _TYPES_OF_4[number])
        start = place + _HEADER_OF_4 + length
        size = rows * columns * dtype.itemsize
        variable = bytes(data[place + _HEADER_OF_4 : start]).rstrip(b"\0").decode("latin1")
        if variable == name:
            if kind % 10 or is_complex:
                raise MatError(f"{name} is not an array of real numbers")
            return _shaped(data[start : start + size], dtype, (rows, columns), name, limit)

        # Complex variables store a second array of imaginary parts.
        place = start + size * (2 if is_complex else 1)

    return None


def _shaped(
    content: memoryview, dtype: np.dtype, shape: tuple[int, ...], name: str, limit: int
) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    if size > limit:
        raise MatError(f"{name} has {size:,} bytes; the limit is {limit:,}")
    if size != len(content):
        raise MatError(
            f"{name} has the shape {shape}, which does not fit its {len(content):,} bytes"
        )
    return np.frombuffer(content, dtype).reshape(shape, order="F")
