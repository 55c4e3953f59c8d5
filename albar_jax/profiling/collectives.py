"""What a compiled step sends between devices, read from XLA's text."""

import math
import re
from collections import defaultdict
from typing import NamedTuple

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
# `%name = <type> all-reduce(`, or -start of one that goes on beside the computation; a type may be a tuple of arrays.
_OPERATION = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_ARRAY = re.compile(r"\b[a-z]+(\d+)\w*\[([\d,]*)\]")


class Collective(NamedTuple):
    """One kind of exchange: how many there are in a step, and the bytes of their results on one device."""

    kind: str
    count: int
    size: int


def list_collectives(hlo: str) -> tuple[Collective, ...]:
    """The exchanges of a compiled program, by kind."""
    counts, sizes = defaultdict(int), defaultdict(int)
    for types, kind in _OPERATION.findall(hlo):
        counts[kind] += 1
        sizes[kind] += sum(_bytes(*array) for array in _ARRAY.findall(types))
    return tuple(Collective(kind, counts[kind], sizes[kind]) for kind in KINDS if counts[kind])


def _bytes(bits: str, shape: str) -> int:
    return math.ceil(math.prod(int(n) for n in shape.split(",") if n) * int(bits) / 8)
