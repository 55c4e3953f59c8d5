"""Counts the scans of a JPEG, and chooses the factor by which decoding reduces it."""

import re

from albar_jax.storage.budget import Budget

# Encoders write about 10 scans. Each takes as long as decoding the picture, so a small file could
# take hours.
MAX_SCANS = 100
# A scan header: marker, length, 1 to 4 components. Random bytes of a thumbnail almost never match
# it.
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
# Factors by which libjpeg can reduce the sides while decoding, which also saves time.
_DIVISORS = (1, 2, 4, 8)


def count_scans(data: bytes) -> int:
    """Returns the number of scans of a JPEG; stops counting at `MAX_SCANS` + 1."""
    count = 0

    for _ in _SCAN.finditer(data):
        count += 1
        if count > MAX_SCANS:
            break

    return count


def divisor(frames: int, height: int, width: int, budget: Budget) -> int:
    """Returns the factor by which to reduce JPEGs so that they fit the budget.

    Args:
      frames: number of pictures.
      height: height of each picture, in pixels.
      width: width of each picture, in pixels.
      budget: limit on the pixels of all pictures.

    Returns:
      The smallest factor of 1, 2, 4 and 8 that is enough; 8 if none is.
    """
    for by in _DIVISORS:
        # Sides rounded up, as libjpeg does.
        if frames * -(-height // by) * -(-width // by) <= budget.pixels:
            return by

    return _DIVISORS[-1]
