"""Checks the chunks of a PNG before it is decoded."""

import io

from albar_jax.storage.budget import BudgetError
from albar_jax.storage.seekable import SeekableFile

# A PNG is a signature and chunks. Each chunk has a length (4 bytes), name (4), content and checksum
# (4).
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12
# Chunks of one picture. Encoders write at least 8 KB per chunk, so the largest allowed file has
# 2^13 chunks.
MAX_CHUNKS = 1 << 16


def check_chunks(file: SeekableFile) -> None:
    """Raises BudgetError for a chunk that claims more bytes than the file has, or for too many.

    Decoders allocate the size that a chunk claims. Files of other formats pass. Sets the position
    of the file to 0.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    is_png = file.read(len(SIGNATURE)) == SIGNATURE

    at = len(SIGNATURE) if is_png else end
    count = 0
    while at + _AROUND <= end:
        size = int.from_bytes(file.read(4))
        if size > end:
            raise BudgetError("it is damaged: a chunk claims to be longer than the file")

        count += 1
        if count > MAX_CHUNKS:
            raise BudgetError(f"it has more than {MAX_CHUNKS:,} chunks, which is the limit")

        at += size + _AROUND
        file.seek(at)

    file.seek(0)
