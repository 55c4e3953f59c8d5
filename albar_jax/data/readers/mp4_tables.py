"""Checks the tables of an MP4 or QuickTime file before libav expands them.

A table of a few bytes can describe 2^32 samples, and each edit repeats all of them. libav allocates
an index entry for each.
"""

import struct
import zlib
from collections.abc import Iterator

from albar_jax.storage.budget import MAX_FRAMES, BudgetError
from albar_jax.storage.seekable import SeekableFile

# Samples times edits, summed over all tracks; each takes about 40 bytes. A film of 9 hours has a
# million frames and twice as many audio packets.
MAX_SAMPLES = 8 * MAX_FRAMES
# Bytes of a header: a million samples take 30 MB.
MAX_HEADER = 1 << 26
# Boxes of a file: one fragment for each frame of a film of 9 hours.
MAX_BOXES = 2 * MAX_FRAMES

# Kinds of boxes with which a file begins.
_FIRST = {
    b"ftyp",
    b"styp",
    b"moov",
    b"moof",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"pnot",
    b"junk",
    b"pict",
    b"udta",
}
# Kinds of boxes that contain boxes.
_CONTAINERS = {
    b"trak",
    b"edts",
    b"mdia",
    b"minf",
    b"stbl",
    b"traf",
    b"moov",
    b"cmov",
    b"tref",
    b"mvex",
}
# Depth of nested boxes.
_MAX_DEPTH = 16


def check(file: SeekableFile) -> None:
    """Checks an open file that may be an MP4; resets its position to the start.

    Raises:
      BudgetError: its tables are too large. libav reports any other damage.
      OSError: it cannot be read.
    """
    try:
        samples = 0
        for kind, start, size in _top(file):
            if kind not in (b"moov", b"moof"):
                continue
            if size > MAX_HEADER:
                raise BudgetError(f"its header has {size:,} bytes; the limit is {MAX_HEADER:,}")

            file.seek(start)
            samples += _samples(memoryview(file.read(size)), 0)
            if samples > MAX_SAMPLES:
                raise BudgetError(
                    f"its tables list {samples:,} samples; the limit is {MAX_SAMPLES:,}"
                )
    finally:
        file.seek(0)


def _top(file: SeekableFile) -> Iterator[tuple[bytes, int, int]]:
    """Yields (kind, start, size) of the content of each box; nothing if the file is not an MP4."""
    end = file.seek(0, 2)
    at = 0
    for number in range(MAX_BOXES + 1):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8 or (not number and header[4:8] not in _FIRST):
            return

        kind = header[4:8]
        size, length = _size_and_length(header)
        # The last box extends to the end of the file.
        if size == 0:
            size = end - at
        if size < length:
            return

        yield kind, at + length, min(size, end - at) - length
        at += size
        if at >= end:
            return

    raise BudgetError(f"it has more than {MAX_BOXES:,} boxes, which is the limit")


def _size_and_length(header: bytes | memoryview) -> tuple[int, int]:
    """Returns the size of a box, and the length of its header, both in bytes."""
    size = int.from_bytes(header[:4])
    if size == 1:
        # The size does not fit 32 bits.
        return int.from_bytes(header[8:16]), 16
    return size, 8


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yields (kind, content) of each box."""
    at = 0
    while at + 8 <= len(data):
        size, length = _size_and_length(data[at : at + 16])
        # The last box extends to the end.
        if size == 0:
            size = len(data) - at
        if size < length:
            return

        yield bytes(data[at + 4 : at + 8]), data[at + length : at + size]
        at += size


def _samples(data: memoryview, depth: int) -> int:
    """Returns the number of samples in a header: samples times edits, summed over its tracks."""
    total = 0
    for kind, content in _boxes(data):
        if kind == b"trak":
            total += _track(content)
        elif kind == b"cmvd":
            # A compressed header.
            unpacked = zlib.decompressobj().decompress(content[4:], MAX_HEADER)
            total += _samples(memoryview(unpacked), depth + 1) if depth < _MAX_DEPTH else 0
        # A run of samples in a fragment.
        elif kind == b"trun":
            total += _count(content, 4)
        elif kind in _CONTAINERS and depth < _MAX_DEPTH:
            total += _samples(content, depth + 1)

    return total


def _track(data: memoryview) -> int:
    """Returns the number of samples of a track times its edits."""
    tables = dict(_tables(data, 0))
    samples = max(_count(tables.get(b"stsz", b""), 8), _count(tables.get(b"stz2", b""), 8))

    # Uncompressed audio has samples of one tick each. For it, libav makes an entry for each chunk
    # instead.
    durations = tables.get(b"stts", b"")
    is_plain = _count(durations, 4) == 1 and _count(durations, 12) == 1
    if is_plain and bytes(tables.get(b"hdlr", b"")[8:12]) == b"soun":
        samples = 0

    return samples * max(1, _count(tables.get(b"elst", b""), 4))


def _tables(data: memoryview, depth: int) -> Iterator[tuple[bytes, memoryview]]:
    """Yields (kind, content) of each table of a track, inside nested boxes, too."""
    for kind, content in _boxes(data):
        if kind in _CONTAINERS and depth < _MAX_DEPTH:
            yield from _tables(content, depth + 1)
        # A track also has data handlers, which must not replace the handler of its medium.
        elif kind != b"hdlr" or bytes(content[8:12]) in (b"soun", b"vide"):
            yield kind, content


def _count(content: memoryview | bytes, at: int) -> int:
    """Returns the number stored at an offset of a table; 0 if the table is too short."""
    if len(content) < at + 4:
        return 0
    return struct.unpack_from(">I", content, at)[0]
