"""Prepares attributions for display: sums over colours, smoothing, a common scale, overlays.

Conventions of captum: a map is divided by the value at which the sorted magnitudes reach 98 % of
their sum, and clipped to -1..1. It is laid over the grey frame with half opacity, in blue for
magnitudes, green for positive values, and red to green for signed ones.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Show = Literal["absolute", "positive", "signed"]
Smoothing = Literal["none", "patch", "blur"]

# Share of the summed magnitudes below the largest shown value.
SHARE = 0.98
OPACITY = 0.5
# Number of values of half the bits of a float32.
_HALF = 1 << 16
# Standard deviation of the blur in pixels of a clip of 224 pixels.
_BLUR, _BLUR_SIDE = 4.0, 224
# Colours of equally spaced values, RGB: from 0 to 1, or for signed maps from -1 to 1.
_COLORS = {
    "absolute": ((247, 251, 255), (107, 174, 214), (8, 48, 107)),
    "positive": ((247, 252, 245), (116, 196, 118), (0, 68, 27)),
    "signed": ((255, 0, 0), (255, 255, 255), (0, 128, 0)),
}

Map = Float[np.ndarray, "t h w"]


def sum_colors(values: Float[np.ndarray, "t h w 3"]) -> Map:
    """Returns the signed sum of the attributions over the three colours."""
    return values.sum(-1)


def smooth(values: Map, how: Smoothing, patch: tuple[int, int, int] = (2, 4, 4)) -> Map:
    """Smooths a map for display; the sum changes only at the edges of a blur.

    The patches of a Video Swin leave a grid in its gradients.

    Args:
      values: the map.
      how: "patch" replaces values by the mean of their patch. "blur" blurs each frame by a Gaussian
        of 4 pixels, for a clip of 224 pixels.
      patch: frames, rows and columns of a patch.
    """
    if how == "none":
        return values
    if how == "blur":
        sd = _BLUR * values.shape[2] / _BLUR_SIDE
        return np.stack([cv2.GaussianBlur(frame, (0, 0), max(sd, 0.5)) for frame in values])
    return _patch_means(values, patch)


def _patch_means(values: Map, patch: tuple[int, int, int]) -> Map:
    for axis, size in enumerate(patch):
        starts = np.arange(0, values.shape[axis], size)
        counts = np.minimum(size, values.shape[axis] - starts)
        sums = np.add.reduceat(values, starts, axis=axis)
        means = sums / np.expand_dims(counts, tuple({0, 1, 2} - {axis}))
        values = np.repeat(means, counts, axis=axis)
    return values


def enlarge(values: Map, shape: tuple[int, int, int]) -> Map:
    """Returns a coarse map at the size of a clip: cells in time repeated, pictures interpolated.

    Args:
      values: map of t' <= t cells in time.
      shape: frames, height and width of the clip.
    """
    num_frames, height, width = shape
    cells = np.arange(num_frames) * len(values) // num_frames
    pictures = [
        cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in values
    ]
    return np.stack(pictures)[cells]


def shown(values: Map, show: Show) -> Map:
    """Returns the magnitudes, the positive values (others are 0), or the values with their sign."""
    if show == "absolute":
        return np.abs(values)
    return np.maximum(values, 0) if show == "positive" else values


def common_scale(maps: Iterable[Map]) -> float:
    """Returns the value that is drawn with full colour in all these maps; 0 if all are 0.

    It is the magnitude at which the sorted magnitudes of all maps reach `SHARE` of their sum.
    """
    magnitudes = np.sort(np.concatenate([np.abs(values).ravel() for values in maps]))
    sums = np.cumsum(magnitudes, dtype=np.float64)
    return float(magnitudes[np.searchsorted(sums, SHARE * sums[-1])])


def streamed_scale(read: Callable[[], Iterable[Map]]) -> float:
    """Returns `common_scale` of maps that do not fit into memory together, rounded to float32.

    The bits of float32 magnitudes have the order of the magnitudes. The first pass finds the upper
    half of the bits of the result, the second pass the lower half.

    Args:
      read: returns the maps; it is called twice.
    """
    upper_sums = np.zeros(_HALF)
    for values in read():
        upper, _, magnitudes = _halves(values)
        upper_sums += np.bincount(upper, magnitudes, _HALF)
    sums = np.cumsum(upper_sums)
    bound = SHARE * sums[-1]
    chosen = int(np.searchsorted(sums, bound))

    lower_sums = np.zeros(_HALF)
    for values in read():
        upper, lower, magnitudes = _halves(values)
        of_chosen = upper == chosen
        lower_sums += np.bincount(lower[of_chosen], magnitudes[of_chosen], _HALF)
    below = sums[chosen] - upper_sums[chosen]
    place = int(np.searchsorted(below + np.cumsum(lower_sums), bound))

    # Rounding of the sums must not lead beyond the largest magnitude.
    place = min(place, int(np.flatnonzero(lower_sums).max(initial=0)))
    bits = np.array(chosen * _HALF + place, np.uint32)
    return float(bits.view(np.float32))


def _halves(values: Map) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the upper and the lower half of the bits of all magnitudes, and the magnitudes."""
    magnitudes = np.abs(values).ravel().astype(np.float32)
    bits = magnitudes.view(np.uint32)
    return bits // _HALF, bits % _HALF, magnitudes


def overlay(
    frames: UInt8[np.ndarray, "t h w 3"], values: Map, scale: float, show: Show
) -> UInt8[np.ndarray, "t h w 3"]:
    """Lays a map over the grey frames of its clip.

    Args:
      frames: the clip, RGB.
      values: map as `shown` returns it.
      scale: value of full colour, as `common_scale` returns it.
      show: the colours.
    """
    # Without any attribution all values are 0, and so is the scale.
    values = np.clip(values / scale, -1, 1) if scale else np.zeros_like(values)
    places = np.linspace(-1 if show == "signed" else 0, 1, len(_COLORS[show]))
    colors = np.array(_COLORS[show], float)
    heat = np.stack([np.interp(values, places, column) for column in colors.T], axis=-1)

    # Like captum, the mean of the three colours, which is not the luminance.
    grey = frames.mean(-1, keepdims=True)
    return ((1 - OPACITY) * grey + OPACITY * heat).round().astype(np.uint8)
