"""Checks the chunks of a PNG before it is decoded."""

# A PNG is a signature and chunks; each chunk has a length (4 bytes), name (4), content and checksum (4).
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12


def claims_too_much(data: bytes) -> bool:
    """Returns whether a chunk claims to be longer than the file; OpenCV would allocate and fill that size."""
    at = len(SIGNATURE)
    while at + _AROUND <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size > len(data):
            return True
        at += size + _AROUND
    return False
