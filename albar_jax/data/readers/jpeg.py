"""Reads what a JPEG's bytes say before it is decoded: its scans, and by how much it is decoded smaller."""

import re

from albar_jax.budget import Budget

# Encoders write about 10 scans. Each costs as much as decoding the picture, so a small file could take hours.
MAX_SCANS = 100
# A scan's header: marker, length, 1 to 4 components. Chance bytes of a thumbnail hardly ever match.
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
# What libjpeg can divide the sides by while it decodes, at a fraction of the cost.
_DIVISORS = (1, 2, 4, 8)


def count_scans(data: bytes) -> int:
    """Returns the number of scans of a JPEG, counted up to one more than `MAX_SCANS`."""
    count = 0
    for _ in _SCAN.finditer(data):
        count += 1
        if count > MAX_SCANS:
            break
    return count


def divisor(frames: int, height: int, width: int, budget: Budget) -> int:
    """Returns the smallest of 1, 2, 4 and 8 that makes so many JPEGs of this size meet the budget; 8 if none does."""
    for by in _DIVISORS:
        if frames * -(-height // by) * -(-width // by) <= budget.pixels:
            return by
    return _DIVISORS[-1]
