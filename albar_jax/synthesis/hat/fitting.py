"""Fits the person of one video into the scene of another one, which has other sizes and lengths.

The clip has as many frames as the person's video, and the shape of the scene.

- Length: the scene plays once from its start to its end. Frame i of N gets the scene's frame
  round(i M / N) of M. So a shorter scene repeats frames, and a longer one loses some.
- Size: the scene is scaled until its short side is as long as the short side of the person's
  frames. The person keeps its size.
- Place: in the first frames that show them, the centers of mass of both persons coincide. If an
  edge of the scene would then cut the person off in some frame, it is moved back into the scene. A
  person whose path does not fit into the scene is placed in the middle.

HAT's program has the same rules, but cuts the person off at the edges.
(mmaction2/mmaction/datasets/actionswap_dataset.py)
"""

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from albar_jax.masks.base import NoMask
from albar_jax.masks.pixels import bounding_box
from albar_jax.storage.budget import DEFAULT, BudgetError, check_picture


def match_frames(count: int, scene_count: int) -> Int[np.ndarray, " t"]:
    """Returns the scene's frame for each frame of a clip.

    Args:
      count: number of frames of the clip.
      scene_count: number of frames of the scene.

    Returns:
      Frame numbers from 0, int (count,), ascending.
    """
    numbers = np.rint(np.arange(count) * scene_count / count).astype(int)
    return np.minimum(numbers, scene_count - 1)


def scaled_size(person: tuple[int, int], scene: tuple[int, int], frames: int) -> tuple[int, int]:
    """Returns the size of a scene whose short side has the length of the person's short side.

    Args:
      person: (height, width) of the person's frames.
      scene: (height, width) of the scene.
      frames: number of frames of the clip.

    Raises:
      NoMask: the clip would be too large.
    """
    scale = min(person) / min(scene)
    height, width = (max(1, round(side * scale)) for side in scene)

    try:
        check_picture(height, width)
        DEFAULT.check_pixels(frames, height, width)
    except BudgetError as error:
        raise NoMask(f"the scene, scaled to the person's frames, is too large: {error}") from error
    return height, width


def resize(
    pictures: UInt8[np.ndarray, "t h w 3"], height: int, width: int
) -> UInt8[np.ndarray, "t height width 3"]:
    """Scales pictures: by averaging areas to shrink them, bilinearly to enlarge them."""
    if pictures.shape[1:3] == (height, width):
        return pictures

    how = cv2.INTER_AREA if height < pictures.shape[1] else cv2.INTER_LINEAR
    return np.stack(
        [cv2.resize(picture, (width, height), interpolation=how) for picture in pictures]
    )


def center(masks: Bool[np.ndarray, "t h w"]) -> tuple[float, float]:
    """Returns the center of mass of a person in the first frame that shows it.

    Args:
      masks: pixels of the person, bool (T, H, W); not empty in all frames.

    Returns:
      Row and column as shares of height and width, 0 to 1.
    """
    first = masks[masks.any(axis=(1, 2)).argmax()]
    rows, columns = np.nonzero(first)
    return (rows.mean() + 0.5) / first.shape[0], (columns.mean() + 0.5) / first.shape[1]


def find_shift(
    masks: Bool[np.ndarray, "t h w"], target: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int]:
    """Returns how far a person is moved into a scene, in pixels.

    Args:
      masks: pixels of the person, bool (T, H, W).
      target: center of mass of the scene's person, as shares of its height and width.
      size: (height, width) of the scaled scene.

    Returns:
      Rows to move it down, and columns to move it to the right.
    """
    path = bounding_box(np.asarray(masks.any(axis=0)))
    shift = []
    for axis, here in enumerate(center(masks)):
        wanted = round(target[axis] * size[axis] - here * masks.shape[axis + 1])
        start, stop = path[axis].start, path[axis].stop
        # The person stays in the frame as long as its path fits.
        lowest, highest = -start, size[axis] - stop
        if lowest > highest:
            wanted = round((lowest + highest) / 2)
        shift.append(min(max(wanted, min(lowest, highest)), max(lowest, highest)))
    return shift[0], shift[1]


def move(pictures: np.ndarray, shift: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Moves pictures or masks to another place in frames of another size.

    Args:
      pictures: array (T, H, W, ...).
      shift: rows to move down, and columns to move to the right; negative for up and left.
      size: (height, width) of the result.

    Returns:
      Array (T, height, width, ...), 0 where no picture is.
    """
    moved = np.zeros((len(pictures), *size, *pictures.shape[3:]), pictures.dtype)
    sources = []
    targets = []
    for axis in range(2):
        start = max(0, shift[axis])
        stop = max(start, min(size[axis], pictures.shape[axis + 1] + shift[axis]))
        targets.append(slice(start, stop))
        sources.append(slice(start - shift[axis], stop - shift[axis]))

    moved[:, targets[0], targets[1]] = pictures[:, sources[0], sources[1]]
    return moved
