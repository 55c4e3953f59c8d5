"""Masks as pixels: boxes filled, sizes changed, grown."""

import math

import cv2
import numpy as np
from jaxtyping import Bool

from albar_jax.masks.base import NoMask

# Minimum side in pixels; the shape of smaller masks is arbitrary.
_SMALLEST = 16


def fill_box(mask: Bool[np.ndarray, "h w"], x1: float, y1: float, x2: float, y2: float) -> None:
    """Sets the pixels of a box in place: rows y1 to y2 and columns x1 to x2, cut to whole numbers, the ends left out.

    So StillMix cuts the boxes of UCF101. What lies outside of the frame is left out.
    """
    top, bottom, left, right = (max(0, int(edge)) for edge in (y1, y2, x1, x2))
    mask[top:bottom, left:right] = True


def resize(
    masks: Bool[np.ndarray, "t h w"], height: int, width: int
) -> Bool[np.ndarray, "t height width"]:
    """Resizes masks by nearest neighbour, as PIL's NEAREST; ties take the later pixel.

    Raises:
      NoMask: the masks are rotated by 90 degrees against the frames, made without the film's
        rotation.
    """
    if masks.shape[1:] == (height, width):
        return masks
    if _is_turned(masks.shape[1], masks.shape[2], height, width):
        raise NoMask(
            f"its masks have {masks.shape[2]} x {masks.shape[1]} pixels and its frames {width} x {height}; they were "
            "made without the film's rotation, and must be rotated"
        )
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip((height, width), masks.shape[1:], strict=True)
    )
    return masks[:, rows[:, None], columns[None, :]]


def _is_turned(mask_height: int, mask_width: int, height: int, width: int) -> bool:
    """Returns whether masks have the shape of the frames rotated by 90 degrees."""
    shape, turned = math.log(mask_width / mask_height), math.log(height / width)
    return (
        min(mask_height, mask_width) >= _SMALLEST
        and abs(shape) > 0.1
        and abs(shape - turned) < 0.02
    )


def grow(masks: Bool[np.ndarray, "t h w"], pixels: int) -> Bool[np.ndarray, "t h w"]:
    """Returns masks with all pixels that are at most so many pixels away from them, centre to centre."""
    if not pixels or not len(masks):
        return masks
    away = np.arange(-pixels, pixels + 1)
    disc = (away[:, None] ** 2 + away[None, :] ** 2 <= pixels**2).astype(np.uint8)
    return np.stack([cv2.dilate(mask.astype(np.uint8), disc) for mask in masks]).astype(bool)
