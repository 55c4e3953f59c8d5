"""Reads every n-th frame of many videos, resized to a fixed square."""

import dataclasses
import os
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Int, UInt8

from albar_jax.data.decode import DecodeError, Decoder, open_video
from albar_jax.data.lookahead import map_ahead
from albar_jax.data.transforms import Crop, apply_crop
from albar_jax.storage import access

# Frames read at once. All frames of a video at full size would fill the memory.
CHUNK = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Frames:
    """The frames of one video.

    Attributes:
      numbers: frame numbers, int (n,).
      pictures: the frames, uint8 (n, size, size, 3), RGB.
      reason: why the video cannot be read, with its path; it then has no frames. "" otherwise.
    """

    numbers: Int[np.ndarray, " n"]
    pictures: UInt8[np.ndarray, "n h w 3"]
    reason: str = ""


def read_all(
    paths: Iterable[str | os.PathLike[str]],
    *,
    size: int,
    every: int,
    threads: int,
    decoder: Decoder = "auto",
) -> Iterator[Frames]:
    """Returns the frames 0, every, 2 * every, ... of each video, in the order of the paths.

    Threads read a few videos ahead. Memory holds all these frames of a few videos.

    Args:
      paths: the videos.
      size: height and width of the result, in pixels. Whole pictures are resized to this square
        whatever their shape, as are the stills that are mixed into clips.
      every: distance between two frames.
      threads: number of threads; 0 counts as 1.
      decoder: library that decodes films.
    """
    threads = max(1, threads)

    def read(path: str | os.PathLike[str]) -> Frames:
        return _read(path, size, every, decoder)

    return map_ahead(read, paths, threads=threads, ahead=threads)


def _read(path: str | os.PathLike[str], size: int, every: int, decoder: Decoder) -> Frames:
    try:
        return access.patiently(lambda: _read_frames(path, size, every, decoder), path)
    except DecodeError as error:
        return Frames(np.zeros(0, int), np.zeros((0, size, size, 3), np.uint8), str(error))


def _read_frames(path: str | os.PathLike[str], size: int, every: int, decoder: Decoder) -> Frames:
    chunks = []
    with open_video(path, decoder) as video:
        numbers = np.arange(0, len(video), every)
        for start in range(0, len(numbers), CHUNK):
            pictures = video.read(numbers[start : start + CHUNK])
            chunks.append(_squash(pictures, size))

    return Frames(numbers, np.concatenate(chunks))


def _squash(pictures: UInt8[np.ndarray, "n h w 3"], size: int) -> UInt8[np.ndarray, "n s s 3"]:
    """Resizes whole pictures to a square."""
    return apply_crop(pictures, Crop(0, 0, *pictures.shape[1:3]), size=size)
