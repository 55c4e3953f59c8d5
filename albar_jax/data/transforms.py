"""Crops, flips and rolls uint8 clips: one box and one resize per clip, the same for all its frames.

Published code resizes the short side, crops, and resizes the crop. Here these steps are composed
into one crop of the source and one resize, on uint8. So no pixel is resized twice, and pixels
outside the crop are not resized at all.
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

# Share of the picture's area, for random crops.
SCALE = (0.08, 1.0)
# Width divided by height, for random crops.
RATIO = (3 / 4, 4 / 3)
TRIES = 10
# Shrinking by at least this factor averages whole areas. cv2's linear resize reads 2x2 source
# pixels however far it shrinks, so it would skip too many pixels and alias. Averaging takes at
# least five times as long, so smaller factors accept the small loss.
AREA_FROM = 1.5


@dataclasses.dataclass(frozen=True)
class Crop:
    """A box of the source picture, and what to do after resizing it.

    Masks and stills use the crop of their clip.

    Attributes:
      top: first row of the box, in pixels.
      left: first column of the box, in pixels.
      height: height of the box, in pixels.
      width: width of the box, in pixels.
      flip: whether to mirror the resized box.
      roll: pixels to shift the resized box down and to the right. Pixels that leave it return at
        the opposite side.
    """

    top: int
    left: int
    height: int
    width: int
    flip: bool = False
    roll: tuple[int, int] = (0, 0)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Returns (top, left, height, width)."""
        return self.top, self.left, self.height, self.width


def random_crop(
    height: int, width: int, *, short_side: int, shape: Shape = "keep", rng: np.random.Generator
) -> Crop:
    """Draws a box like torchvision's RandomResizedCrop after Resize(short_side), and a flip.

    The box is drawn on the resized picture in whole pixels, then mapped back to whole pixels of the
    source.

    Args:
      height: height of the source picture, in pixels.
      width: width of the source picture, in pixels.
      short_side: length of the short side after scaling, in pixels.
      shape: shape after scaling.
      rng: source of random numbers.
    """
    resized = _resized(height, width, short_side, shape)
    box = _random_box(*resized, rng)
    flip = bool(rng.random() < 0.5)

    return _to_source(box, height, width, resized, flip=flip)


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

    Args:
      height: height of the source picture, in pixels.
      width: width of the source picture, in pixels.
      short_side: length of the short side after scaling, in pixels. With shape "square", both sides
        get this length.
      size: height and width of the box after scaling, in pixels.
      shape: shape after scaling.
      place: position along the long side: 0 is left (or top), 0.5 the centre, 1 right (or bottom).
    """
    spot = (place, 0.5) if height > width else (0.5, place)
    return spot_crop(height, width, short_side=short_side, size=size, shape=shape, spot=spot)


def spot_crop(
    height: int,
    width: int,
    *,
    short_side: int,
    size: int,
    shape: Shape = "keep",
    spot: tuple[float, float] = (0.5, 0.5),
) -> Crop:
    """Returns the box at a spot of the picture; see `placed_crop`.

    Args:
      height: height of the source picture, in pixels.
      width: width of the source picture, in pixels.
      short_side: see `placed_crop`.
      size: see `placed_crop`.
      shape: shape after scaling.
      spot: position down and across, both 0 to 1: (0, 0) is the top left corner.
    """
    resized_height, resized_width = _resized(height, width, short_side, shape)
    down, across = spot
    top = round((resized_height - size) * down)
    left = round((resized_width - size) * across)

    return _to_source((top, left, size, size), height, width, (resized_height, resized_width))


def squashed_crop(
    height: int, width: int, *, short_side: int, size: int, rng: np.random.Generator
) -> Crop:
    """Draws a box of `size` x `size` on the picture squashed to a square, and a flip.

    Source: StillMix, reference_network/resnet50/main_frame.py.

    Args:
      height: height of the source picture, in pixels.
      width: width of the source picture, in pixels.
      short_side: side of the square, in pixels.
      size: height and width of the box on the square, in pixels.
      rng: source of random numbers.
    """
    top, left = (int(start) for start in rng.integers(short_side - size + 1, size=2))
    top, box_height = _span(top, size, short_side, height)
    left, box_width = _span(left, size, short_side, width)
    flip = bool(rng.random() < 0.5)

    return Crop(top, left, box_height, box_width, flip=flip)


def rolled_crop(
    height: int,
    width: int,
    *,
    short_side: int,
    size: int,
    shape: Shape = "keep",
    rng: np.random.Generator,
) -> Crop:
    """Returns the centre crop with a random roll.

    Suits pictures that continue at the opposite side and whose label a flip would change.

    Args:
      height: height of the source picture, in pixels.
      width: width of the source picture, in pixels.
      short_side: length of the short side after scaling, in pixels.
      size: height and width of the crop after scaling, in pixels.
      shape: shape after scaling.
      rng: source of random numbers.
    """
    roll = tuple(int(shift) for shift in rng.integers(size, size=2))
    crop = placed_crop(height, width, short_side=short_side, size=size, shape=shape)
    return dataclasses.replace(crop, roll=roll)


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
    """Returns the crop of a clip by the name of its augmentation.

    Args:
      augment: name of the augmentation; "none" gives the crop at `place`.
      height: height of the source picture, in pixels.
      width: width of the source picture, in pixels.
      short_side: length of the short side after scaling, in pixels.
      size: height and width of the result, in pixels.
      place: position along the long side for "none", 0 to 1.
      shape: shape after scaling.
      rng: source of random numbers.
    """
    if augment == "crop_flip":
        return random_crop(height, width, short_side=short_side, shape=shape, rng=rng)
    if augment == "squash_flip":
        return squashed_crop(height, width, short_side=short_side, size=size, rng=rng)
    if augment == "roll":
        return rolled_crop(height, width, short_side=short_side, size=size, shape=shape, rng=rng)
    return placed_crop(height, width, short_side=short_side, size=size, shape=shape, place=place)


def apply_crop(boxes: Clip, crop: Crop, *, size: int) -> Clip:
    """Resizes, flips and rolls the boxes of all frames.

    Args:
      boxes: the box of `crop`, cut out of each frame, uint8 (T, h, w, 3).
      crop: flip and roll.
      size: height and width of the result, in pixels.

    Returns:
      The clip, uint8 (T, size, size, 3).
    """
    if boxes.shape[1:3] != (size, size):
        boxes = _resize(boxes, size)
    if crop.flip:
        boxes = _mirror(boxes)
    if any(crop.roll):
        boxes = np.roll(boxes, crop.roll, axis=(1, 2))
    return boxes


def _mirror(video: Clip) -> Clip:
    # By OpenCV: numpy's copy of a reversed view takes as long as decoding the frames.
    out = np.empty_like(video)
    for frame, target in zip(video, out, strict=True):
        cv2.flip(frame, 1, dst=target)
    return out


def _resize(video: Clip, size: int) -> Clip:
    factor = min(video.shape[1:3]) / size
    interpolation = cv2.INTER_AREA if factor > AREA_FROM else cv2.INTER_LINEAR

    out = np.empty((len(video), size, size, 3), np.uint8)
    for frame, target in zip(video, out, strict=True):
        cv2.resize(frame, (size, size), dst=target, interpolation=interpolation)
    return out


def _resized(height: int, width: int, short_side: int, shape: Shape) -> tuple[int, int]:
    """Returns (height, width) after scaling the short side to `short_side`.

    The long side is truncated, as in torchvision.
    """
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
        box_width = round(math.sqrt(area * ratio))
        box_height = round(math.sqrt(area / ratio))

        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return top, left, box_height, box_width

    # The picture is so long that no box fits: the largest centre box of an allowed ratio.
    box_width = min(width, round(height * RATIO[1]))
    box_height = min(height, round(width / RATIO[0]))

    return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width


def _to_source(
    box: tuple[int, int, int, int],
    height: int,
    width: int,
    resized: tuple[int, int],
    *,
    flip: bool = False,
) -> Crop:
    """Maps a box on the resized picture to whole pixels of the source, at least 1 x 1."""
    resized_height, resized_width = resized
    top, left, box_height, box_width = box
    top, box_height = _span(top, box_height, resized_height, height)
    left, box_width = _span(left, box_width, resized_width, width)
    return Crop(top, left, box_height, box_width, flip)


def _span(start: int, length: int, resized: int, source: int) -> tuple[int, int]:
    """Maps start and length from a side of `resized` pixels to a side of `source` pixels."""
    length = min(max(round(length * source / resized), 1), source)
    start = min(max(round(start * source / resized), 0), source - length)
    return start, length
