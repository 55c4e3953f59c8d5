"""Writes and reads journals: lines of JSON with a checksum each; damaged lines are ignored."""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any


def seal(entry: list[Any]) -> bytes:
    """Formats an entry as a line of JSON and its CRC-32, both in ASCII.

    Args:
      entry: fields, JSON-serialisable.
    """
    text = json.dumps(entry).encode()
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


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
