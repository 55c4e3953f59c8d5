"""Reads the windows of many videos in threads, as batches of clips of one video each.

The clips of a batch do not depend on the number of threads, nor on the other videos. So the
features of a video have the same bytes in every run.
"""

import dataclasses
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import UInt8

from albar_jax.data.decode import DecodeError, Decoder
from albar_jax.data.lookahead import Handover
from albar_jax.features.crops import View
from albar_jax.features.film_windows import FilmWindows, Window
from albar_jax.features.windows import Windows
from albar_jax.storage.budget import DEFAULT, Budget


@dataclasses.dataclass(frozen=True, eq=False)
class ClipBatch:
    """Clips of one video; the crops of a window follow each other.

    Attributes:
      video: number of the video.
      clips: uint8 (b, t, size, size, 3), RGB; black clips fill the last batch of a video.
      count: number of clips that are no filling.
      share: share of the video that has been read, about 0 to 1.
    """

    video: int
    clips: UInt8[np.ndarray, "b t size size 3"]
    count: int
    share: float


@dataclasses.dataclass(frozen=True)
class VideoEnd:
    """The end of a video, after its batches.

    Attributes:
      video: number of the video.
      num_frames: number of frames.
      fps: average frames per second; None if unknown.
      reason: why the video cannot be read; "" if it was read.
    """

    video: int
    num_frames: int = 0
    fps: float | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Reading:
    """The settings by which videos are read.

    Attributes:
      windows: the windows of a video.
      view: the crops of a window.
      batch_size: clips of a batch.
      decoder: see `FilmStream`.
      budget: see `FilmStream`.
    """

    windows: Windows
    view: View
    batch_size: int
    decoder: Decoder = "auto"
    budget: Budget = DEFAULT


class WindowBatches:
    """The batches of many videos; a thread reads one video at a time, ahead of the caller.

    Iterate over it once, inside its context. The batches of a video come in order and before its
    `VideoEnd`. Batches of different videos may alternate.

    Args:
      paths: paths of the videos.
      reading: how to read them.
      threads: number of threads, at least 1. Each holds one open video and about two batches.

    Raises:
      StorageError: the system failed to read a file that may be intact.
    """

    def __init__(self, paths: Sequence[str], reading: Reading, *, threads: int):
        self._paths = paths
        self._reading = reading
        self._numbers = iter(range(len(paths)))
        self._lock = threading.Lock()
        self._is_closed = threading.Event()

        num_threads = min(threads, max(1, len(paths)))
        self._items: Handover[ClipBatch | VideoEnd]
        self._items = Handover(threads, self._is_closed, producers=num_threads)
        self._threads = []
        for _ in range(num_threads):
            # A daemon thread does not block the exit of the program.
            thread = threading.Thread(
                target=self._items.fill, args=(self._read_videos,), daemon=True
            )
            self._threads.append(thread)

    def __enter__(self) -> "WindowBatches":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc) -> None:
        self._is_closed.set()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[ClipBatch | VideoEnd]:
        return iter(self._items)

    def _read_videos(self) -> Iterator[ClipBatch | VideoEnd]:
        """Reads videos until none is left; runs in a thread."""
        while (video := self._next_video()) is not None:
            yield from self._read(video)

    def _next_video(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)

    def _read(self, video: int) -> Iterator[ClipBatch | VideoEnd]:
        """Yields the batches and the end of a video."""
        path = self._paths[video]
        reading = self._reading
        batch = _OpenBatch(video, reading)
        try:
            with FilmWindows(
                path,
                reading.windows,
                reading.view,
                decoder=reading.decoder,
                budget=reading.budget,
            ) as film:
                for window in film:
                    share = film.num_frames / max(1, film.expected_frames)
                    yield from batch.add(window, share)
                yield from batch.rest()
                yield VideoEnd(video, film.num_frames, film.fps)
        except DecodeError as error:
            yield VideoEnd(video, reason=str(error).removeprefix(f"{path}: "))


class _OpenBatch:
    """A batch that is being filled with the clips of a video."""

    def __init__(self, video: int, reading: Reading):
        self._video = video
        view = reading.view
        self._shape = (reading.batch_size, reading.windows.frames, view.size, view.size, 3)
        self._clips: list[UInt8[np.ndarray, "t size size 3"]] = []

    def add(self, window: Window, share: float) -> Iterator[ClipBatch]:
        """Adds the clips of a window and yields the batches that are full."""
        for clip in window.clips:
            self._clips.append(clip)
            if len(self._clips) == self._shape[0]:
                yield self._finished(share)

    def rest(self) -> Iterator[ClipBatch]:
        """Yields the last batch, filled with black clips, if it has any clip."""
        if self._clips:
            yield self._finished(1.0)

    def _finished(self, share: float) -> ClipBatch:
        clips = np.zeros(self._shape, np.uint8)
        for place, clip in enumerate(self._clips):
            clips[place] = clip

        batch = ClipBatch(self._video, clips, len(self._clips), share)
        self._clips = []
        return batch
