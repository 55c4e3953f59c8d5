"""Opens videos without their persons: emptied here, or given by `--scenes`."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import UInt8

from albar_jax.data.decode import open_video
from albar_jax.data.reading import Size, size_of
from albar_jax.masks import pixels
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.hat import fitting
from albar_jax.synthesis.hat.emptying import empty
from albar_jax.synthesis.hat.scenes import Scenes


@dataclasses.dataclass(frozen=True)
class Emptied:
    """An open video without its person.

    Attributes:
      size: (frames, height, width).
      center: center of mass of the person, as shares of height and width; see `fitting.center`.
      read: returns the frames with these numbers, uint8 RGB (N, H, W, 3).
    """

    size: Size
    center: tuple[float, float]
    read: Callable[[np.ndarray], UInt8[np.ndarray, "n h w 3"]]


@contextlib.contextmanager
def open_emptied(
    scenes: Scenes, number: int, foregrounds: Foregrounds, widen: int
) -> Iterator[Emptied]:
    """Opens the video of a scene without its person.

    Args:
      scenes: the emptied scenes.
      number: number of the scene.
      foregrounds: the masks of the persons.
      widen: pixels by which a person is widened before it is removed.

    Yields:
      The video. If it is emptied here, it has the frames with masks.

    Raises:
      DecodeError: a video cannot be read.
      NoMask: it has no usable masks.
    """
    source = scenes.videos[number]
    given = scenes.given.get(source.id)
    with open_video(source.path) as video:
        masks, frame_ids = foregrounds.masks_of(source.id, source.path, size_of(video))
        center = fitting.center(masks)

        if given is not None:
            with open_video(given) as emptied:
                yield Emptied(size_of(emptied), center, emptied.read)
            return

        picture = scenes.picture(number, masks.shape[1:])

        def read(numbers: np.ndarray) -> UInt8[np.ndarray, "n h w 3"]:
            # Masks are widened here, because those of a large video fill much memory.
            removed = pixels.grow(masks[numbers], widen)
            return empty(video.read(frame_ids[numbers]), removed, picture)

        yield Emptied(masks.shape, center, read)
