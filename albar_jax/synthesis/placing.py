"""Where a still foreground is put in a clip.

It keeps its size relative to the height of the frame (smaller if it would be wider than that) and its height above the
ground. It is slid sideways to where the actor covers the least of it over the whole clip; of several such places, to
the one nearest to its own.
"""

import dataclasses

import cv2
import numpy as np

from albar_jax.masks.base import NoMask

_PLACES = 33  # tried from left to right, beside its own


@dataclasses.dataclass(frozen=True, eq=False)
class CutOut:
    """The box around a foreground: colours, uint8 (h, w, 3), mask, bool (h, w), and its own place in a frame."""

    picture: np.ndarray
    mask: np.ndarray
    top: int
    left: int


def cut_out(picture: np.ndarray, mask: np.ndarray, height: int, width: int) -> CutOut:
    """Cuts out a foreground for frames of this size.

    Takes uint8 (H, W, 3) and bool (H, W). Raises NoMask if nothing is left of it.
    """
    if mask.shape[0] != height:
        picture, mask = _resize(picture, mask, height / mask.shape[0])
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise NoMask("its foreground is too small")
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    bottom, middle = rows[-1] + 1, (columns[0] + columns[-1] + 1) / 2 / mask.shape[1]
    picture, mask = picture[box], mask[box]
    if mask.shape[1] > width:
        picture, mask = _resize(picture, mask, width / mask.shape[1])
    if not mask.any():
        raise NoMask("its foreground is too small")
    left = round(middle * width - mask.shape[1] / 2)
    return CutOut(
        picture, mask, int(bottom) - mask.shape[0], min(max(left, 0), width - mask.shape[1])
    )


def place(foreground: CutOut, actor: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Puts a foreground into a clip in which the actor is where `actor`, bool (T, H, W), is true.

    Returns:
      The picture in its place, uint8 (H, W, 3), its mask, bool (H, W), and the column of its left edge.
    """
    height, width = foreground.mask.shape
    rows = slice(foreground.top, foreground.top + height)
    covered = actor[:, rows].sum(axis=0)  # in how many frames each pixel is the actor's
    room = actor.shape[2] - width
    places = {round(room * number / (_PLACES - 1)) for number in range(_PLACES)} | {foreground.left}

    def cost(left: int) -> tuple[int, int, int]:
        return (
            covered[:, left : left + width][foreground.mask].sum(),
            abs(left - foreground.left),
            left,
        )

    left = min(places, key=cost)
    picture, mask = np.zeros((*actor.shape[1:], 3), np.uint8), np.zeros(actor.shape[1:], bool)
    picture[rows, left : left + width] = foreground.picture
    mask[rows, left : left + width] = foreground.mask
    return picture, mask, left


def _resize(picture: np.ndarray, mask: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    size = tuple(max(1, round(scale * side)) for side in mask.shape[::-1])
    nearest = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(
        picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    ), nearest > 0
