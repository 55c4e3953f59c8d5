"""Crops, flips and rolls of uint8 clips: one box and one resize per clip, the same for all its frames.

Resizing the short side, cropping and resizing the crop is composed into one crop of the source and one resize, on
uint8: no pixel is resized twice, and none that is cropped away is resized at all.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

Clip = UInt8[np.ndarray, "t h w 3"]
Augmentation = Literal["crop_flip", "roll", "none"]

SCALE = (0.08, 1.0)  # share of the picture's area
RATIO = (3 / 4, 4 / 3)  # width / height
TRIES = 10
# cv2's linear resize reads 2x2 source pixels however far it shrinks: from here on it would skip too many and alias, so
# whole areas are averaged. That costs five times as much or more, so a lesser shrinking bears the little that is lost.
AREA_FROM = 1.5


@dataclasses.dataclass(frozen=True)
class Crop:
    """A box of the source picture, in pixels, and whether to mirror it; masks and stills take the same one."""

    top: int
    left: int
    height: int
    width: int
    flip: bool = False


def random_crop(height: int, width: int, *, short_side: int, rng: np.random.Generator) -> Crop:
    """Draws a box as torchvision's RandomResizedCrop does after its Resize(short_side), and a flip.

    The box is drawn on the resized picture of whole pixels, then mapped back to the source and rounded to its pixels.
    """
    resized_height, resized_width = _resized(height, width, short_side)
    box = _random_box(resized_height, resized_width, rng)
    return _to_source(box, height, width, short_side, flip=bool(rng.random() < 0.5))


def placed_crop(height: int, width: int, *, short_side: int, size: int, place: float = 0.5) -> Crop:
    """Returns a box of `size` x `size` of the picture once its short side is `short_side`.

    `place` says where along the long side: 0 at the left (or top), 0.5 in the centre, 1 at the right (or bottom).
    """
    resized_height, resized_width = _resized(height, width, short_side)
    down, across = (place, 0.5) if height > width else (0.5, place)
    box = (round((resized_height - size) * down), round((resized_width - size) * across), size, size)
    return _to_source(box, height, width, short_side)


def apply_crop(video: Clip, crop: Crop, *, size: int) -> Clip:
    """Returns the box of every frame, resized to (size, size) and mirrored if the crop says so: (T, size, size, 3)."""
    view = video[:, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    if (crop.height, crop.width) == (size, size):
        out = np.ascontiguousarray(view)
    else:
        shrink = min(crop.height, crop.width) / size
        how = cv2.INTER_AREA if shrink > AREA_FROM else cv2.INTER_LINEAR
        out = np.empty((len(video), size, size, 3), np.uint8)
        for frame, target in zip(view, out, strict=True):
            cv2.resize(frame, (size, size), dst=target, interpolation=how)
    return np.ascontiguousarray(out[:, :, ::-1]) if crop.flip else out


def crop_flip(video: Clip, rng: np.random.Generator, *, short_side: int, size: int) -> Clip:
    """A random resized crop and, half of the time, a flip: training on natural video."""
    crop = random_crop(*video.shape[1:3], short_side=short_side, rng=rng)
    return apply_crop(video, crop, size=size)


def roll(video: Clip, rng: np.random.Generator, *, short_side: int, size: int) -> Clip:
    """The centre crop, rolled at random in y and x: for pictures on a torus whose label a flip would change."""
    shift = tuple(int(s) for s in rng.integers(size, size=2))
    return np.roll(placed(video, rng, short_side=short_side, size=size), shift, axis=(1, 2))


def placed(video: Clip, rng: np.random.Generator, *, short_side: int, size: int, place: float = 0.5) -> Clip:
    """The crop at `place` of the long side: testing. Nothing is drawn from `rng`."""
    del rng
    crop = placed_crop(*video.shape[1:3], short_side=short_side, size=size, place=place)
    return apply_crop(video, crop, size=size)


# (video, rng, *, short_side, size) -> video (T, size, size, 3)
AUGMENTATIONS: dict[Augmentation, Callable[..., Clip]] = {"crop_flip": crop_flip, "roll": roll, "none": placed}


def _resized(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Size of the picture once its short side is `short_side`; the long one is truncated, as in torchvision."""
    if height < width:
        return short_side, int(short_side * width / height)
    return int(short_side * height / width), short_side


def _random_box(height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draws (top, left, height, width) inside a picture; log-uniform in ratio, uniform in area."""
    for _ in range(TRIES):
        area = height * width * rng.uniform(*SCALE)
        ratio = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        box_width, box_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return top, left, box_height, box_width
    # A picture so long that no box fitted: the largest centre box of an allowed ratio.
    box_width = min(width, round(height * RATIO[1]))
    box_height = min(height, round(width / RATIO[0]))
    return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width


def _to_source(box, height: int, width: int, short_side: int, *, flip: bool = False) -> Crop:
    """Maps a box on the resized picture to whole pixels of the source, at least one each way."""
    resized_height, resized_width = _resized(height, width, short_side)
    top, left, box_height, box_width = box
    top, box_height = _span(top, box_height, resized_height, height)
    left, box_width = _span(left, box_width, resized_width, width)
    return Crop(top, left, box_height, box_width, flip)


def _span(start: int, length: int, resized: int, source: int) -> tuple[int, int]:
    length = min(max(round(length * source / resized), 1), source)
    start = min(max(round(start * source / resized), 0), source - length)
    return start, length
