"""Lines of JSON with a checksum each: a journal whose torn or damaged lines are not believed."""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any


def seal(entry: list[Any]) -> bytes:
    """Returns an entry as a line of JSON with its CRC-32, both in ASCII.

    Args:
      entry: fields, JSON-serialisable.
    """
    text = json.dumps(entry).encode()
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


def unseal(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a journal without their checksums; lines that are damaged on the disk are skipped.

    Lines of older versions, and lines that a kill tore, have no checksum; the caller finds out whether they are JSON.

    Args:
      lines: all lines of the journal, without line ends.
    """
    for line in lines:
        # JSON escapes tabs, so that the last one belongs to the checksum.
        text, tab, checksum = line.rpartition(b"\t")
        if not tab:
            yield line
        elif checksum == b"%08x" % zlib.crc32(text):
            yield text
