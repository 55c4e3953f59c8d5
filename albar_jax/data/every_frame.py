"""Every frame, or every n-th, of many videos, each decoded once and made as large as a clip."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from jaxtyping import Int, UInt8

from albar_jax.data.decode import DecodeError, Decoder, Source, open_video
from albar_jax.data.transforms import Crop, apply_crop
from albar_jax.storage import access

# Frames read at once: in the size of the video they would fill the memory.
CHUNK = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Frames:
    """Frame `numbers[i]` of a video is `pictures[i]`, uint8 (size, size, 3); an unreadable one has a reason alone."""

    numbers: Int[np.ndarray, " n"]
    pictures: UInt8[np.ndarray, "n h w 3"]
    reason: str = ""


def read_all(
    paths: Iterable[Source], *, size: int, every: int, threads: int, decoder: Decoder = "auto"
) -> Iterator[Frames]:
    """Yields the frames 0, every, 2 * every, ... of each video in order, read by threads a few videos ahead.

    Whole pictures are made `size` x `size`, whatever their shape, as stills are that are mixed into clips. Memory holds
    all these frames of a few videos.
    """
    waiting: collections.deque[Future[Frames]] = collections.deque()
    with ThreadPoolExecutor(max(1, threads)) as pool:
        try:
            for path in paths:
                waiting.append(pool.submit(_read, path, size, every, decoder))
                if len(waiting) > max(1, threads):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _read(path: Source, size: int, every: int, decoder: Decoder) -> Frames:
    try:
        return access.patiently(lambda: _read_frames(path, size, every, decoder), path)
    except DecodeError as error:
        return Frames(np.zeros(0, int), np.zeros((0, size, size, 3), np.uint8), str(error))


def _read_frames(path: Source, size: int, every: int, decoder: Decoder) -> Frames:
    with open_video(path, decoder) as video:
        numbers = np.arange(0, len(video), every)
        starts = range(0, len(numbers), CHUNK)
        chunks = [_squashed(video.read(numbers[start : start + CHUNK]), size) for start in starts]
    return Frames(numbers, np.concatenate(chunks))


def _squashed(pictures: UInt8[np.ndarray, "n h w 3"], size: int) -> UInt8[np.ndarray, "n s s 3"]:
    return apply_crop(pictures, Crop(0, 0, *pictures.shape[1:3]), size=size)
