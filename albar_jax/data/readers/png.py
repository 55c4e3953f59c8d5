"""Checks the chunks of a PNG before a decoder believes them."""

# The signature, then for each chunk its length (4 bytes), name (4), content and checksum (4).
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12


def claims_too_much(data: bytes) -> bool:
    """Returns whether a chunk claims to be longer than the file; OpenCV allocates and fills what it claims."""
    at = len(SIGNATURE)
    while at + _AROUND <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size > len(data):
            return True
        at += size + _AROUND
    return False
