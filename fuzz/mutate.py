"""Changes files at random: flips bits, writes numbers, cuts, copies, and changes fields."""

import random
from collections.abc import Sequence

from fuzz import formats, hostile

# Larger inputs are cut, because they take time and small files must already respect all limits.
MOST_BYTES = 1 << 20


def mutate(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Returns `data` with one to four changes.

    Args:
      data: the file.
      rng: source of all random numbers.
      others: further files of the same kind, to copy pieces from.
    """
    # One change reaches deeper code than many, so it is the most frequent number.
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        changed = (
            formats.change(data, rng, lambda inner: mutate(inner, rng, ()))
            if rng.random() < 0.5
            else None
        )
        data = rng.choice(_STEPS)(data, rng, others) if changed is None else changed

    return data[:MOST_BYTES]


def _flip(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)

    return bytes(changed)


def _number(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Overwrites 1 to 8 bytes with a number at the end of its range, in either byte order."""
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(hostile.INTEGERS) % (1 << 8 * size)
    return _put(data, value.to_bytes(size, rng.choice(("little", "big"))), rng, overwrites=True)


def _near(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Changes a number of 1 to 4 bytes slightly, for lengths and counts that are off by one."""
    size, order = rng.choice((1, 2, 4)), rng.choice(("little", "big"))
    if len(data) < size:
        return data

    at = rng.randrange(len(data) - size + 1)
    value = int.from_bytes(data[at : at + size], order) + rng.choice((-8, -2, -1, 1, 2, 8))
    return data[:at] + (value % (1 << 8 * size)).to_bytes(size, order) + data[at + size :]


def _cut_end(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _cut_out(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, stop = _block(data, rng)
    return data[:start] + data[stop:]


def _copy(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, stop = _block(data, rng)
    times = rng.choice((1, 1, 2, 50))
    return _put(data, data[start:stop] * times, rng, overwrites=rng.random() < 0.5)


def _splice(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Replaces the end by the rest of another file, or copies a block of it."""
    if not others:
        return _flip(data, rng, others)

    other = rng.choice(others)
    start, stop = _block(other, rng)
    if rng.random() < 0.5:
        return data[: rng.randrange(len(data) + 1)] + other[start:]

    return _put(data, other[start:stop], rng, overwrites=rng.random() < 0.5)


def _text(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return _put(data, rng.choice(hostile.TEXTS).encode(), rng, overwrites=rng.random() < 0.5)


def _noise(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    filler = rng.choice((rng.randbytes(rng.randrange(1, 65)), b"\0" * 64, b"\xff" * 64))
    return _put(data, filler, rng, overwrites=rng.random() < 0.5)


_STEPS = (_flip, _flip, _number, _number, _near, _cut_end, _cut_out, _copy, _splice, _text, _noise)


def _block(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 4, 16, 64, 512, 4096)))


def _put(data: bytes, piece: bytes, rng: random.Random, *, overwrites: bool) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + piece + data[at + len(piece) * overwrites :]
