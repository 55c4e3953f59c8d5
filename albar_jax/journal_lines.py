"""Lines of JSON with a checksum each: a journal whose torn or damaged lines are not believed."""

import json
import zlib
from collections.abc import Iterator
from typing import Any


def seal(entry: list[Any]) -> bytes:
    """Returns an entry as a line of JSON with its CRC-32, both in ASCII.

    Args:
      entry: fields, JSON-serialisable.
    """
    text = json.dumps(entry).encode()
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


def unseal(content: bytes, fields: int) -> Iterator[list]:
    """Yields the entries of a journal; lines that were torn by a kill, or damaged on the disk, are skipped.

    Lines of older versions have no checksum, and are believed if they are JSON.

    Args:
      content: of the whole journal.
      fields: number of fields of an entry, which is a list.
    """
    for line in content.splitlines():
        # JSON escapes tabs, so that the last one belongs to the checksum.
        text, tab, checksum = line.rpartition(b"\t")
        if tab and checksum != b"%08x" % zlib.crc32(text):
            continue
        try:
            entry = json.loads(text if tab else line)
        except ValueError:
            continue
        if isinstance(entry, list) and len(entry) == fields:
            yield entry
