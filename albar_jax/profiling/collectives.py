"""Counts the collectives of a compiled program in XLA's text (HLO)."""

import math
import re
from collections import defaultdict
from typing import NamedTuple

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
# `%name = <type> all-reduce(`, or `all-reduce-start(` if it overlaps with computation. The type may
# be a tuple of arrays.
_OPERATION = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_ARRAY = re.compile(r"\b[a-z]+(\d+)\w*\[([\d,]*)\]")


class Collective(NamedTuple):
    """All collectives of one kind in a program.

    Attributes:
      kind: one of `KINDS`.
      count: number of them.
      size: bytes of all their results on one device.
    """

    kind: str
    count: int
    size: int


def list_collectives(hlo: str) -> tuple[Collective, ...]:
    """Returns the collectives of a compiled program, in the order of `KINDS`.

    Args:
      hlo: text of the program, as `compiled.as_text()` returns it.
    """
    counts: dict[str, int] = defaultdict(int)
    sizes: dict[str, int] = defaultdict(int)
    for types, kind in _OPERATION.findall(hlo):
        counts[kind] += 1
        for bits, shape in _ARRAY.findall(types):
            sizes[kind] += _num_bytes(bits, shape)

    return tuple(Collective(kind, counts[kind], sizes[kind]) for kind in KINDS if counts[kind])


def _num_bytes(bits: str, shape: str) -> int:
    """Returns the size of an array, such as "32" bits and shape "4,2"."""
    # A scalar has the shape "".
    lengths = [int(length) for length in shape.split(",") if length]

    return math.ceil(math.prod(lengths) * int(bits) / 8)
