"""Chooses the frames of a video that a model wants."""

import numpy as np
from jaxtyping import Int

from albar_jax.audit.models.base import Sampling
from albar_jax.data.clip_reader import FrameOrder

# Folders of images have no frame rate. Most data sets of actions have about this one.
USUAL_FPS = 25.0


def choose(
    count: int, fps: float | None, sampling: Sampling, view: int = 0, views: int = 1
) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of one clip of a video, in ascending order.

    Clip `view` of `views` is centered at the fraction (view + 1/2) / views of the video, as far as
    it fits. If the video is too short for the rate or stride, the frames are spread evenly over it.
    Frames are repeated if it has too few.

    Args:
      count: frames of the video, at least 1.
      fps: its frames per second; None is `USUAL_FPS`.
      sampling: the frames that the model wants.
      view: number of the clip, from 0.
      views: number of clips.

    Returns:
      Frame numbers from 0 to `count` - 1, int (T,).
    """
    if sampling.num_frames is None:
        return np.arange(count)

    place = (view + 0.5) / views
    places = np.arange(sampling.num_frames)
    step = _step(fps or USUAL_FPS, sampling)
    if step is None or sampling.num_frames * step > count:
        # The video is divided into equal parts, one for each frame.
        part = count / sampling.num_frames
        return _whole(part * (places + place), count)

    room = count - sampling.num_frames * step
    return _whole(place * room + step * places, count)


def reorder(length: int, order: FrameOrder, rng: np.random.Generator) -> Int[np.ndarray, " length"]:
    """Returns the places of a clip's frames in another order, int (length,).

    Args:
      length: frames of the clip.
      order: the order; "static" repeats the middle frame.
      rng: source of the permutation of "shuffled".
    """
    places = np.arange(length)
    if order == "reversed":
        return places[::-1]
    if order == "static":
        return np.full_like(places, length // 2)
    if order == "shuffled":
        return rng.permutation(length)
    return places


def _step(fps: float, sampling: Sampling) -> float | None:
    """Returns the frames of the video between two frames of the clip; None to spread them."""
    if sampling.fps is not None:
        return fps / sampling.fps
    return sampling.stride


def _whole(numbers: np.ndarray, count: int) -> Int[np.ndarray, " t"]:
    # Rounding errors may reach the next frame, or the end.
    return np.clip(np.floor(numbers + 1e-6), 0, count - 1).astype(int)
