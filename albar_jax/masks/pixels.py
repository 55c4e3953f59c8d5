"""Fills boxes into masks, finds the boxes around masks, resizes masks and dilates them."""

import math

import cv2
import numpy as np
from jaxtyping import Bool

from albar_jax.masks.base import NoMask

# Minimum side in pixels; the shape of smaller masks is arbitrary.
_SMALLEST = 16


def fill_box(mask: Bool[np.ndarray, "h w"], x1: float, y1: float, x2: float, y2: float) -> None:
    """Sets the pixels of a box, in place.

    Sets rows y1 to y2 and columns x1 to x2, truncated to whole numbers, without the last row and
    column. StillMix cuts the boxes of UCF101 like this. Parts outside of the frame are ignored.

    Args:
      mask: the mask to change, bool (H, W).
      x1: left edge in pixels.
      y1: upper edge in pixels.
      x2: right edge in pixels.
      y2: lower edge in pixels.
    """
    top, bottom, left, right = (max(0, int(edge)) for edge in (y1, y2, x1, x2))
    mask[top:bottom, left:right] = True


def resize(
    masks: Bool[np.ndarray, "t h w"], height: int, width: int
) -> Bool[np.ndarray, "t height width"]:
    """Resizes masks by nearest neighbor, like PIL's NEAREST; ties take the later pixel.

    Raises:
      NoMask: the masks are rotated by 90 degrees against the frames, because they were made without
        the rotation that the video file prescribes.
    """
    if masks.shape[1:] == (height, width):
        return masks

    if _is_rotated(masks.shape[1], masks.shape[2], height, width):
        raise NoMask(
            f"its masks have {masks.shape[2]} x {masks.shape[1]} pixels and its frames {width} x "
            f"{height}; they were made without the film's rotation, and must be rotated"
        )

    # Plain indexing breaks ties like PIL.
    rows = _nearest(masks.shape[1], height)
    columns = _nearest(masks.shape[2], width)
    return masks[:, rows[:, None], columns[None, :]]


def grow(masks: Bool[np.ndarray, "t h w"], pixels: int) -> Bool[np.ndarray, "t h w"]:
    """Dilates masks by a disc.

    Args:
      masks: bool (T, H, W).
      pixels: radius of the disc: the largest distance between pixel centres.
    """
    if not pixels or not len(masks):
        return masks

    offset = np.arange(-pixels, pixels + 1)
    disc = (offset[:, None] ** 2 + offset[None, :] ** 2 <= pixels**2).astype(np.uint8)
    grown = np.empty_like(masks)
    for mask, result in zip(masks, grown, strict=True):
        result[...] = cv2.dilate(mask.astype(np.uint8), disc)
    return grown


def bounding_box(mask: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """Returns the rows and the columns of the smallest box around a mask; both empty if it is."""
    rows = np.flatnonzero(mask.any(axis=1)).tolist()
    columns = np.flatnonzero(mask.any(axis=0)).tolist()
    if not rows:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _nearest(old: int, new: int) -> np.ndarray:
    """Returns the old index for each new index along an axis resized from `old` to `new`."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _is_rotated(mask_height: int, mask_width: int, height: int, width: int) -> bool:
    """Returns whether masks have the shape of the frames rotated by 90 degrees."""
    # Logarithms make both orientations symmetric.
    shape = math.log(mask_width / mask_height)
    rotated = math.log(height / width)
    return (
        min(mask_height, mask_width) >= _SMALLEST
        and abs(shape) > 0.1
        and abs(shape - rotated) < 0.02
    )
