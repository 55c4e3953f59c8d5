"""Removes a person from a video: temporal median where it was uncovered, inpainting elsewhere."""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from albar_jax.data.readers.base import Video
from albar_jax.data.reading import spans
from albar_jax.masks.base import NoMask
from albar_jax.synthesis.composite import paste
from albar_jax.synthesis.shares import FULL, percent

# Pixels by which a person is widened before it is removed, as in HAT's program.
WIDEN = 4
# Radius in pixels of the neighborhood from which OpenCV inpaints.
RADIUS = 3
# Bytes of the values whose median is computed at once.
_BYTES = 1 << 27


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """The scene of a video without its person, as a still image.

    Attributes:
      picture: colors, uint8 RGB (H, W, 3).
      never: pixels that the person covers in all frames, which are inpainted, bool (H, W).
    """

    picture: UInt8[np.ndarray, "h w 3"]
    never: Bool[np.ndarray, "h w"]


def find_scene(
    video: Video, frame_ids: Int[np.ndarray, " n"], removed: Bool[np.ndarray, "n h w"]
) -> Scene:
    """Computes the scene of a video without its person.

    Each pixel has the median over the frames in which it is not removed, per color. For an even
    number of frames, this is the smaller of the two middle values. Pixels that are removed in all
    frames are inpainted.
    (Telea, An Image Inpainting Technique Based on the Fast Marching Method, 2004)

    Args:
      video: the open video.
      frame_ids: numbers of its frames to use, from 0, int (N,), ascending.
      removed: pixels of the person, bool (N, H, W).

    Raises:
      NoMask: almost no pixel is ever uncovered.
    """
    never = np.asarray(removed.all(axis=0))
    if never.mean() > FULL:
        raise NoMask(f"{percent(float(never.mean()))} of its scene is never uncovered")

    picture = np.empty((*never.shape, 3), np.uint8)
    colors = picture.reshape(-1, 3)
    covered = removed.reshape(len(removed), -1)
    # A median needs all frames of a pixel, so a large video is read once for each group of pixels.
    step = max(1, _BYTES // (3 * len(frame_ids)))
    for start in range(0, len(colors), step):
        pixels = slice(start, start + step)
        values = _read_pixels(video, frame_ids, pixels, removed.shape)
        colors[pixels] = median(values, covered[:, pixels])

    if never.any():
        picture = cv2.inpaint(picture, never.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
    return Scene(picture, never)


def median(
    values: UInt8[np.ndarray, "n p 3"], covered: Bool[np.ndarray, "n p"]
) -> UInt8[np.ndarray, "p 3"]:
    """Returns the lower median over the frames in which each pixel is uncovered.

    Args:
      values: colors, uint8 (N, P, 3).
      covered: values that do not count, bool (N, P).

    Returns:
      uint8 (P, 3). A pixel that is covered in all frames is 255.
    """
    # Values that do not count become the largest ones, and so come last.
    by_pixel = np.where(covered[..., None], np.uint8(255), values).transpose(1, 2, 0)
    ordered = np.sort(by_pixel, axis=2)
    count = (~covered).sum(axis=0)
    middle = np.maximum(count - 1, 0) // 2
    return np.take_along_axis(ordered, middle[:, None, None], axis=2)[..., 0]


def empty(
    frames: UInt8[np.ndarray, "t h w 3"],
    removed: Bool[np.ndarray, "t h w"],
    picture: UInt8[np.ndarray, "h w 3"],
) -> UInt8[np.ndarray, "t h w 3"]:
    """Replaces the person in frames by the scene.

    Args:
      frames: colors, uint8 (T, H, W, 3).
      removed: pixels of the person, bool (T, H, W).
      picture: the scene, uint8 (H, W, 3).
    """
    return paste(picture, removed, frames)


def _read_pixels(
    video: Video, frame_ids: np.ndarray, pixels: slice, size: tuple[int, int, int]
) -> UInt8[np.ndarray, "n p 3"]:
    """Reads some pixels of all frames, numbered from the upper left corner, row by row."""
    parts = []
    for span in spans(len(frame_ids), size):
        frames = video.read(frame_ids[span])
        parts.append(frames.reshape(len(frames), -1, 3)[:, pixels].copy())
    return np.concatenate(parts)
