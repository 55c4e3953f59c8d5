"""The outlines of sprites, as formulas.

`u` points to the right and `v` down, in radii of the sprite. No shape extends to 1.7 radii, which
is half a frame at the largest radius. A larger sprite would overlap itself on the torus.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

# Returns the pixels inside of a shape, given coordinates u (right) and v (down) in radii.
Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
Plane = Float[np.ndarray, "t h w"]
Inside = Bool[np.ndarray, "t h w"]


def _disk(u: Plane, v: Plane) -> Inside:
    return u * u + v * v < 1.0


def _square(u: Plane, v: Plane) -> Inside:
    return np.maximum(abs(u), abs(v)) < 0.88


def _triangle(u: Plane, v: Plane) -> Inside:
    return (v < 0.65) & (abs(u) < 0.58 * (v + 1.1))


def _plus(u: Plane, v: Plane) -> Inside:
    return (np.minimum(abs(u), abs(v)) < 0.34) & (np.maximum(abs(u), abs(v)) < 1.05)


def _ring(u: Plane, v: Plane) -> Inside:
    return abs(np.hypot(u, v) - 0.8) < 0.25


def _flower(u: Plane, v: Plane) -> Inside:
    return np.hypot(u, v) < 0.82 + 0.26 * np.cos(5 * np.arctan2(v, u))


def _diamond(u: Plane, v: Plane) -> Inside:
    return abs(u) / 0.85 + abs(v) / 1.2 < 1.0


def _crescent(u: Plane, v: Plane) -> Inside:
    return (u * u + v * v < 1.1) & ((u - 0.5) ** 2 + v * v > 0.62)


def _heart(u: Plane, v: Plane) -> Inside:
    lobes = np.hypot(abs(u) - 0.48, v + 0.35) < 0.55
    return lobes | ((v > -0.3) & (abs(u) + 0.85 * v < 0.85))


def _hexagon(u: Plane, v: Plane) -> Inside:
    return np.maximum(abs(v), 0.5 * abs(v) + 0.866 * abs(u)) < 0.9


def _arrow(u: Plane, v: Plane) -> Inside:
    head = (v < 0.0) & (abs(u) < 0.85 * (v + 1.1))
    return head | ((abs(u) < 0.32) & (v >= 0.0) & (v < 1.1))


def _hourglass(u: Plane, v: Plane) -> Inside:
    return (abs(v) < 1.0) & (abs(u) < 0.18 + 0.75 * abs(v))


def _ell(u: Plane, v: Plane) -> Inside:
    upright = (abs(u + 0.5) < 0.35) & (abs(v) < 1.05)
    return upright | ((abs(v - 0.7) < 0.35) & (abs(u) < 0.85))


def _tee(u: Plane, v: Plane) -> Inside:
    top = (abs(v + 0.7) < 0.34) & (abs(u) < 0.95)
    return top | ((abs(u) < 0.34) & (abs(v) < 1.04))


def _aitch(u: Plane, v: Plane) -> Inside:
    posts = (abs(abs(u) - 0.65) < 0.3) & (abs(v) < 1.0)
    return posts | ((abs(v) < 0.28) & (abs(u) < 0.65))


def _cup(u: Plane, v: Plane) -> Inside:
    posts = (abs(abs(u) - 0.65) < 0.3) & (abs(v) < 1.0)
    return posts | ((abs(v - 0.7) < 0.3) & (abs(u) < 0.95))


def _zed(u: Plane, v: Plane) -> Inside:
    bars = (abs(abs(v) - 0.75) < 0.25) & (abs(u) < 0.9)
    return bars | ((abs(u + 0.8 * v) < 0.35) & (abs(v) < 0.9))


def _gear(u: Plane, v: Plane) -> Inside:
    teeth = np.cos(8 * np.arctan2(v, u)) > 0
    radius = np.hypot(u, v)
    return (radius < 0.8 + 0.3 * teeth) & (radius > 0.3)


def _pill(u: Plane, v: Plane) -> Inside:
    return np.hypot(u, np.maximum(abs(v) - 0.65, 0.0)) < 0.52


def _trefoil(u: Plane, v: Plane) -> Inside:
    return np.hypot(u, v) < 0.75 + 0.4 * np.cos(3 * np.arctan2(v, u))


def _frame(u: Plane, v: Plane) -> Inside:
    return abs(np.maximum(abs(u), abs(v)) - 0.72) < 0.24


SHAPES: dict[str, Shape] = {
    "disk": _disk,
    "square": _square,
    "triangle": _triangle,
    "plus": _plus,
    "ring": _ring,
    "flower": _flower,
    "diamond": _diamond,
    "crescent": _crescent,
    "heart": _heart,
    "hexagon": _hexagon,
    "arrow": _arrow,
    "hourglass": _hourglass,
    "ell": _ell,
    "tee": _tee,
    "aitch": _aitch,
    "cup": _cup,
    "zed": _zed,
    "gear": _gear,
    "pill": _pill,
    "trefoil": _trefoil,
    "frame": _frame,
}


def _check(u: Plane, v: Plane) -> Inside:
    column = np.floor(u / CHECK_SIDE).astype(np.int8)
    row = np.floor(v / CHECK_SIDE).astype(np.int8)
    return ((column ^ row) & 1).astype(bool)


def _stripes(u: Plane, v: Plane) -> Inside:
    return v / 0.7 % 1 < 0.5


def _spots(u: Plane, v: Plane) -> Inside:
    return np.hypot(u / 0.65 % 1 - 0.5, v / 0.65 % 1 - 0.5) < 0.35


def _halves(u: Plane, v: Plane) -> Inside:
    return u > 0.0


# Side of a square of the check, in radii.
CHECK_SIDE = 0.6
# Two-tone textures of sprites: the pixels that have the pale tone. A disk of one tone would not
# show that it turns.
TEXTURES: dict[str, Shape] = {
    "check": _check,
    "stripes": _stripes,
    "spots": _spots,
    "halves": _halves,
}
