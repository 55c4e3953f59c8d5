"""Crops, flips and rolls of uint8 clips: one box and one resize per clip, the same for all its frames.

Resizing the short side, cropping and resizing the crop is composed into one crop of the source and one resize, on
uint8: no pixel is resized twice, and none that is cropped away is resized at all.
"""

import dataclasses
import math
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

Clip = UInt8[np.ndarray, "t h w 3"]
Augmentation = Literal["crop_flip", "squash_flip", "roll", "none"]
# The shape of a picture after scaling, before the crop: its own, or a square.
Shape = Literal["keep", "square"]

SCALE = (0.08, 1.0)  # share of the picture's area
RATIO = (3 / 4, 4 / 3)  # width / height
TRIES = 10
# cv2's linear resize reads 2x2 source pixels however far it shrinks: from here on it would skip too many and alias, so
# whole areas are averaged. That costs five times as much or more, so a lesser shrinking bears the little that is lost.
AREA_FROM = 1.5


@dataclasses.dataclass(frozen=True)
class Crop:
    """A box of the source picture, in pixels, and what to do once it is resized; masks and stills take the same.

    Attributes:
      flip: whether to mirror it.
      roll: by how many pixels to shift it down and to the right, what leaves it coming back at the other side.
    """

    top: int
    left: int
    height: int
    width: int
    flip: bool = False
    roll: tuple[int, int] = (0, 0)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(top, left, height, width)."""
        return self.top, self.left, self.height, self.width


def random_crop(
    height: int, width: int, *, short_side: int, shape: Shape = "keep", rng: np.random.Generator
) -> Crop:
    """Draws a box as torchvision's RandomResizedCrop does after its Resize(short_side), and a flip.

    The box is drawn on the resized picture of whole pixels, then mapped back to the source and rounded to its pixels.
    """
    resized = _resized(height, width, short_side, shape)
    box = _random_box(*resized, rng)
    return _to_source(box, height, width, resized, flip=bool(rng.random() < 0.5))


def placed_crop(
    height: int,
    width: int,
    *,
    short_side: int,
    size: int,
    shape: Shape = "keep",
    place: float = 0.5,
) -> Crop:
    """Returns the box that becomes `size` x `size` when the short side is scaled to `short_side`.

    With shape "square", both sides are scaled to it. `place` is the position along the long side: 0
    is left (or top), 0.5 the centre, 1 right (or bottom).
    """
    resized_height, resized_width = _resized(height, width, short_side, shape)
    down, across = (place, 0.5) if height > width else (0.5, place)
    box = (
        round((resized_height - size) * down),
        round((resized_width - size) * across),
        size,
        size,
    )
    return _to_source(box, height, width, (resized_height, resized_width))


def squashed_crop(
    height: int, width: int, *, short_side: int, size: int, rng: np.random.Generator
) -> Crop:
    """Draws a box of `size` x `size` of the picture made a square of `short_side`, whatever its shape, and a flip.

    (StillMix, reference_network/resnet50/main_frame.py)
    """
    top, left = (int(start) for start in rng.integers(short_side - size + 1, size=2))
    top, box_height = _span(top, size, short_side, height)
    left, box_width = _span(left, size, short_side, width)
    return Crop(top, left, box_height, box_width, flip=bool(rng.random() < 0.5))


def rolled_crop(
    height: int,
    width: int,
    *,
    short_side: int,
    size: int,
    shape: Shape = "keep",
    rng: np.random.Generator,
) -> Crop:
    """Returns the centre crop and draws a roll: for pictures on a torus whose label a flip would change."""
    roll = tuple(int(s) for s in rng.integers(size, size=2))
    return dataclasses.replace(
        placed_crop(height, width, short_side=short_side, size=size, shape=shape), roll=roll
    )


def draw_crop(
    augment: Augmentation,
    height: int,
    width: int,
    *,
    short_side: int,
    size: int,
    place: float,
    shape: Shape = "keep",
    rng: np.random.Generator,
) -> Crop:
    """Returns the crop of a clip of (height, width): a random one by its name, or that of "none", at `place`."""
    if augment == "crop_flip":
        return random_crop(height, width, short_side=short_side, shape=shape, rng=rng)
    if augment == "squash_flip":
        return squashed_crop(height, width, short_side=short_side, size=size, rng=rng)
    if augment == "roll":
        return rolled_crop(height, width, short_side=short_side, size=size, shape=shape, rng=rng)
    return placed_crop(height, width, short_side=short_side, size=size, shape=shape, place=place)


def apply_crop(boxes: Clip, crop: Crop, *, size: int) -> Clip:
    """Resizes, mirrors and rolls what the box of `crop` holds of every frame: (T, h, w, 3) -> (T, size, size, 3)."""
    if boxes.shape[1:3] != (size, size):
        boxes = _resize(boxes, size)
    if crop.flip:
        # With OpenCV: numpy's copy of a reversed view takes as long as decoding the frames.
        boxes = _mirror(boxes)
    return np.roll(boxes, crop.roll, axis=(1, 2)) if any(crop.roll) else boxes


def _mirror(video: Clip) -> Clip:
    out = np.empty_like(video)
    for frame, target in zip(video, out, strict=True):
        cv2.flip(frame, 1, dst=target)
    return out


def _resize(video: Clip, size: int) -> Clip:
    shrink = min(video.shape[1:3]) / size
    how = cv2.INTER_AREA if shrink > AREA_FROM else cv2.INTER_LINEAR
    out = np.empty((len(video), size, size, 3), np.uint8)
    for frame, target in zip(video, out, strict=True):
        cv2.resize(frame, (size, size), dst=target, interpolation=how)
    return out


def _resized(height: int, width: int, short_side: int, shape: Shape) -> tuple[int, int]:
    """Size of the picture once its short side is `short_side`; the long one is truncated, as in torchvision."""
    if shape == "square":
        return short_side, short_side
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


def _to_source(
    box, height: int, width: int, resized: tuple[int, int], *, flip: bool = False
) -> Crop:
    """Maps a box on the resized picture to whole pixels of the source, at least one each way."""
    resized_height, resized_width = resized
    top, left, box_height, box_width = box
    top, box_height = _span(top, box_height, resized_height, height)
    left, box_width = _span(left, box_width, resized_width, width)
    return Crop(top, left, box_height, box_width, flip)


def _span(start: int, length: int, resized: int, source: int) -> tuple[int, int]:
    length = min(max(round(length * source / resized), 1), source)
    start = min(max(round(start * source / resized), 0), source - length)
    return start, length
