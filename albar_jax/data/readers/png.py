"""Checks the chunks of a PNG before it is decoded."""

import io
from typing import BinaryIO

from albar_jax.budget import BudgetError

# A PNG is a signature and chunks; each chunk has a length (4 bytes), name (4), content and checksum (4).
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12
# Of a picture. Encoders write at least 8 KB at a time, so a picture of the most bytes has 2^13.
MAX_CHUNKS = 1 << 16


def check_chunks(file: BinaryIO) -> None:
    """Raises BudgetError for a chunk that claims to be longer than the file, or for too many chunks.

    Decoders allocate and fill what a chunk claims. Any other file than a PNG passes. The file's position is 0 after.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    at = len(SIGNATURE) if file.read(len(SIGNATURE)) == SIGNATURE else end
    count = 0
    while at + _AROUND <= end:
        size = int.from_bytes(file.read(4))
        if size > end:
            raise BudgetError("it is damaged: a chunk claims to be longer than the file")
        count += 1
        if count > MAX_CHUNKS:
            raise BudgetError(f"it has more than {MAX_CHUNKS:,} chunks, which are the most")
        at += size + _AROUND
        file.seek(at)
    file.seek(0)
