"""Places a still foreground in a clip.

The foreground keeps its height relative to the frame, and its distance from the lower edge. It is
made smaller if it would be wider than the frame. It is moved sideways to the column where the actor
hides least of it over the whole clip. Of equal columns the one nearest to its own is taken.
"""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from albar_jax.masks.base import NoMask
from albar_jax.masks.pixels import bounding_box

# Columns that are tried from left to right, in addition to the foreground's own.
_COLUMNS = 33


@dataclasses.dataclass(frozen=True, eq=False)
class CutOut:
    """A foreground cut out along its bounding box.

    Attributes:
      picture: colors, uint8 (h, w, 3).
      mask: pixels of the foreground, bool (h, w).
      top: first row of the box in a frame.
      left: first column of the box in a frame.
    """

    picture: UInt8[np.ndarray, "h w 3"]
    mask: Bool[np.ndarray, "h w"]
    top: int
    left: int


def cut_out(
    picture: UInt8[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"], height: int, width: int
) -> CutOut:
    """Cuts out a foreground and scales it for frames of another size.

    Args:
      picture: frame that shows the foreground, uint8 (H, W, 3).
      mask: pixels of the foreground, bool (H, W).
      height: height of the new frames.
      width: width of the new frames.

    Raises:
      NoMask: no pixel of the foreground is left.
    """
    if mask.shape[0] != height:
        picture, mask = _resize(picture, mask, height / mask.shape[0])

    if not mask.any():
        raise NoMask("its foreground is too small")

    # The box keeps its lower edge, and its centre relative to the width of the frame.
    rows, columns = bounding_box(mask)
    centre = (columns.start + columns.stop) / 2 / mask.shape[1]
    picture, mask = picture[rows, columns], mask[rows, columns]

    if mask.shape[1] > width:
        picture, mask = _resize(picture, mask, width / mask.shape[1])
    if not mask.any():
        raise NoMask("its foreground is too small")

    left = round(centre * width - mask.shape[1] / 2)
    left = min(max(left, 0), width - mask.shape[1])
    return CutOut(picture, mask, rows.stop - mask.shape[0], left)


def place(
    foreground: CutOut, actor: Bool[np.ndarray, "t h w"]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"], int]:
    """Places a foreground in a clip where the actor hides least of it.

    Args:
      foreground: the foreground, scaled for the clip's frames.
      actor: pixels of the actor, bool (T, H, W).

    Returns:
      picture: a frame with the foreground in its place, uint8 (H, W, 3); 0 elsewhere.
      mask: pixels of the foreground, bool (H, W).
      left: column of its left edge.
    """
    height, width = foreground.mask.shape
    rows = slice(foreground.top, foreground.top + height)
    # Number of frames in which the actor covers each pixel.
    covered = actor[:, rows].sum(axis=0)
    # The foreground is never cut off at an edge.
    room = actor.shape[2] - width
    lefts = {round(room * number / (_COLUMNS - 1)) for number in range(_COLUMNS)}

    def cost(left: int) -> tuple[int, int, int]:
        hidden = covered[:, left : left + width][foreground.mask].sum()
        return hidden, abs(left - foreground.left), left

    left = min(lefts | {foreground.left}, key=cost)

    picture = np.zeros((*actor.shape[1:], 3), np.uint8)
    picture[rows, left : left + width] = foreground.picture
    mask = np.zeros(actor.shape[1:], bool)
    mask[rows, left : left + width] = foreground.mask
    return picture, mask, left


def _resize(picture: np.ndarray, mask: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    height, width = mask.shape
    size = max(1, round(scale * width)), max(1, round(scale * height))

    interpolation = cv2.INTER_LINEAR
    if scale < 1:
        interpolation = cv2.INTER_AREA
    resized = cv2.resize(picture, size, interpolation=interpolation)
    nearest = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return resized, nearest > 0
