"""The kinds of motion of a world: dataclasses of their options, listed in MOTIONS."""

from albar_jax.toy.motions.base import Motion, Offsets
from albar_jax.toy.motions.curves import Eight, Orbit, Spiral, Square
from albar_jax.toy.motions.in_place import Grow, Pulse, Rock, Shrink, Spin, Still
from albar_jax.toy.motions.jumps import Hop, Jitter
from albar_jax.toy.motions.straight import (
    Accelerate,
    Shuttle,
    StopAndGo,
    Sway,
    Translate,
    Zigzag,
)

# The names that files of worlds use.
MOTIONS: dict[str, type[Motion]] = {
    "translate": Translate,
    "accelerate": Accelerate,
    "stop_and_go": StopAndGo,
    "shuttle": Shuttle,
    "sway": Sway,
    "zigzag": Zigzag,
    "hop": Hop,
    "jitter": Jitter,
    "orbit": Orbit,
    "spiral": Spiral,
    "eight": Eight,
    "square": Square,
    "still": Still,
    "grow": Grow,
    "shrink": Shrink,
    "pulse": Pulse,
    "spin": Spin,
    "rock": Rock,
}

__all__ = ["MOTIONS", "Motion", "Offsets"]
