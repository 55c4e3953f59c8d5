"""Streams the clips of videos to predict: the views of the evaluation, then windows of long ones."""

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
from albar_jax.data.lookahead import map_ahead
from albar_jax.features.windows import Windows
from albar_jax.storage import access


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
    """The facts of a video that has been read.

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
    """The clips of all views of a video, and its number of frames; or the reason of a failure."""

    clips: Sequence[UInt8[np.ndarray, "t h w 3"]] = ()
    num_frames: int = 0
    reason: str = ""


class VideoClips:
    """The clips of all videos in order, each video followed by its end.

    A video that is longer than a clip is then read in windows, once and in order.

    Args:
      config: config of the model.
      videos: paths of the videos.
      hop: distance between two windows, in frames; None is half of the span of a clip.
      bar: progress bar; its total grows by the windows of each long video.
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
            for clip in views.clips:
                yield VideoClip(number, clip)
            yield VideoClip(number, None, end=VideoEnd(views.num_frames, None, views.reason))

    def _read_views(self, path: str) -> _Views:
        clips = []
        num_frames = 0
        try:
            for spec in self._specs:
                clip, num_frames = _read(path, spec)
                clips.append(clip)
        except DecodeError as error:
            return _Views(reason=str(error))

        return _Views(clips, num_frames)


def _read(path: str, spec: ClipSpec) -> tuple[UInt8[np.ndarray, "t h w 3"], int]:
    """Reads a clip within the time limit; returns it with the number of frames of the video."""

    def read() -> tuple[UInt8[np.ndarray, "t h w 3"], int]:
        clip, cut = cut_clip(path, spec, np.random.default_rng(0))
        return clip, cut.count

    return access.patiently(lambda: deadline.call(read, spec.budget.seconds, path), path)
