"""Streams the clips of videos: the views of the evaluation, then the windows of long videos."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.data import deadline
from albar_jax.data.clip_reader import ClipSpec, cut_clip
from albar_jax.data.decode import DecodeError
from albar_jax.data.film_stream import FilmStream
from albar_jax.data.lookahead import map_ahead
from albar_jax.features.crops import View
from albar_jax.features.film_windows import FilmWindows
from albar_jax.features.windows import Windows
from albar_jax.storage import access

# Bytes of a film that may be held in memory to read its views. Films of more bytes are only read
# in order, and their central window takes the place of the views.
MOST_HELD = 1 << 28


@dataclasses.dataclass(frozen=True, eq=False)
class VideoClip:
    """One clip of a video, or the end of the video.

    Attributes:
      video: number of the video.
      clip: the clip, uint8 RGB (T, H, W, 3); None at the end of the video.
      span: numbers of the first and the last frame of a window; None for a view.
      end: what is known at the end of the video.
    """

    video: int
    clip: UInt8[np.ndarray, "t h w 3"] | None
    span: tuple[int, int] | None = None
    end: "VideoEnd | None" = None


@dataclasses.dataclass(frozen=True)
class VideoEnd:
    """The facts of a video after its last clip.

    Attributes:
      num_frames: frames of the video.
      fps: frames per second; None if unknown.
      reason: why it cannot be read, with its path; "" if it was read.
    """

    num_frames: int = 0
    fps: float | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class _Views:
    """The clips of all views of a video; or the reason of a failure, with its path.

    A film that is too large has no clips and no reason.
    """

    clips: Sequence[UInt8[np.ndarray, "t h w 3"]] = ()
    num_frames: int = 0
    fps: float | None = None
    reason: str = ""


class VideoClips:
    """The clips of all videos in order, each video followed by its end.

    A video that is longer than a clip is read once more, in order, and cut into windows.

    Args:
      config: config of the model.
      videos: paths of the videos.
      hop: distance between two windows, in frames; None is half of the span of a clip.
      bar: progress bar; its total follows the clips that are known.

    Raises:
      UserError: the crop of the config is larger than the picture.
    """

    def __init__(self, config: Config, videos: Sequence[str], hop: int | None, bar: tqdm):
        data = config.data
        self._span = data.num_frames * data.stride
        self._windows = Windows(data.num_frames, data.stride, hop or max(1, self._span // 2))
        self._specs = wiring.views(config, task=wiring.suite(config).iid)
        self._threads = max(1, config.loader.threads)
        self._videos = videos
        self._bar = bar

        bar.total = len(videos) * len(self._specs)
        bar.refresh()

    def __iter__(self) -> Iterator[VideoClip]:
        # Threads read the views of a few videos ahead.
        views_of_videos = map_ahead(
            self._read_views, self._videos, threads=self._threads, ahead=self._threads
        )
        for number, views in enumerate(views_of_videos):
            self._bar.total += len(views.clips) - len(self._specs)
            for clip in views.clips:
                yield VideoClip(number, clip)

            end = VideoEnd(views.num_frames, views.fps, views.reason)
            is_long = not views.clips or views.num_frames > self._span
            if is_long and not views.reason:
                end = yield from self._read_windows(number, self._videos[number])
            yield VideoClip(number, None, end=end)

    def _read_views(self, path: str) -> _Views:
        """Reads the views of a video; none if it is too large to be held in memory."""
        spec = self._specs[0]
        clips = []
        num_frames = 0
        try:
            with FilmStream(path, decoder=spec.decoder, budget=spec.budget) as stream:
                fps = stream.fps
            if _size(path) > min(MOST_HELD, spec.budget.bytes):
                return _Views()

            for spec in self._specs:
                clip, num_frames = _read(path, spec)
                clips.append(clip)
        except DecodeError as error:
            return _Views(reason=str(error))

        return _Views(clips, num_frames, fps)

    def _read_windows(self, number: int, path: str) -> Iterator[VideoClip]:
        """Yields the windows of a video, and returns its end."""
        spec = self._specs[0]
        view = View(size=spec.size, short_side=spec.short_side, shape=spec.shape)
        try:
            with FilmWindows(
                path, self._windows, view, decoder=spec.decoder, budget=spec.budget
            ) as film:
                self._bar.total += self._windows.rows(max(1, film.expected_frames))
                for window in film:
                    first, last = window.numbers[[0, -1]].tolist()
                    yield VideoClip(number, window.clips[0], (first, last))
        except DecodeError as error:
            return VideoEnd(reason=str(error))

        return VideoEnd(film.num_frames, film.fps)


def _size(path: str) -> int:
    """Returns the bytes of a film; 0 for folders and records, which are read file by file."""
    if access.is_folder(path) or not access.exists(path):
        return 0
    return access.stat(path).st_size


def _read(path: str, spec: ClipSpec) -> tuple[UInt8[np.ndarray, "t h w 3"], int]:
    """Reads a clip within the time limit; returns it with the number of frames of the video."""

    def read() -> tuple[UInt8[np.ndarray, "t h w 3"], int]:
        clip, cut = cut_clip(path, spec, np.random.default_rng(0))
        return clip, cut.count

    return access.patiently(lambda: deadline.call(read, spec.budget.seconds, path), path)
