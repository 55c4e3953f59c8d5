"""Writes and reads journals: lines of JSON with a checksum each; damaged lines are ignored."""

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any


def seal(entry: list[Any]) -> bytes:
    """Formats an entry as a line of JSON and its CRC-32, both in ASCII.

    Args:
      entry: fields, JSON-serializable.
    """
    text = json.dumps(entry).encode()
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


def end_torn_line(file: IO[bytes]) -> None:
    """Ends a last line that was cut off by a kill, so that the next entry has its own line.

    Args:
      file: the journal, open to read and append.
    """
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def unseal(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a journal without their checksums; skips lines with a wrong checksum.

    Lines of older versions and lines cut off by a kill have no checksum; the caller must check
    whether they are JSON.

    Args:
      lines: all lines of the journal, without line ends.
    """
    for line in lines:
        # JSON escapes tabs, so the last tab separates the checksum.
        text, tab, checksum = line.rpartition(b"\t")
        if not tab:
            yield line
        elif checksum == b"%08x" % zlib.crc32(text):
            yield text
