"""Predicts videos one after the other: the clip of the evaluation, and a time line of long ones."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from tqdm import tqdm

from albar_jax.data.failures import FailureLog
from albar_jax.evaluation.motion_use import MotionUse, VideoUse, WindowUse, motion_use
from albar_jax.wiring.motion_predictor import MotionPredictor, Predicted
from albar_jax.wiring.video_clips import VideoClip, VideoClips, VideoEnd

# Windows of a long video whose middle frames are kept for the page.
_NUM_GLIMPSES = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Glimpse:
    """The middle frame of a window.

    Attributes:
      window: the window.
      frame: its middle frame, uint8 RGB (H, W, 3).
    """

    window: WindowUse
    frame: UInt8[np.ndarray, "h w 3"]


@dataclasses.dataclass(frozen=True, eq=False)
class VideoPrediction:
    """The prediction of a video, with the frames that a page shows.

    Attributes:
      video: the answers.
      clip: the central clip of the evaluation, uint8 RGB (T, H, W, 3); None if there is none.
      glimpses: frames of windows, evenly spread over the video.
    """

    video: VideoUse
    clip: UInt8[np.ndarray, "t h w 3"] | None
    glimpses: tuple[Glimpse, ...]


class VideoPredictions:
    """The predictions of all readable videos, in order.

    Args:
      predictor: the model.
      videos: paths of the videos.
      hop: distance between two windows of a long video, in frames; None is half of the span of a
        clip.

    Attributes:
      failures: the videos so far that cannot be read.
    """

    def __init__(self, predictor: MotionPredictor, videos: Sequence[str], hop: int | None):
        self.failures = FailureLog()
        self._predictor = predictor
        self._videos = videos
        self._hop = hop

    def __iter__(self) -> Iterator[VideoPrediction]:
        with tqdm(desc="predict", unit="clip") as bar:
            clips = VideoClips(self._predictor.config, self._videos, self._hop, bar)
            collected = _Collected()
            for predicted in self._predictor.predict(clips):
                item = predicted.item
                if item.end is None:
                    collected.add(predicted, self._predictor.black)
                    bar.update()
                    continue

                path = self._videos[item.video]
                if item.end.reason:
                    self.failures[path] = item.end.reason
                else:
                    yield collected.finish(path, item.end, self._predictor.black)
                collected = _Collected()


class _Collected:
    """The predictions of one video so far."""

    def __init__(self):
        self._moving: list[Float[np.ndarray, " k"]] = []
        self._still: list[Float[np.ndarray, " k"]] = []
        self._clip: UInt8[np.ndarray, "t h w 3"] | None = None
        self._windows: list[WindowUse] = []
        self._glimpses = _Glimpses()

    def add(self, predicted: Predicted[VideoClip], black: Float[np.ndarray, " k"]) -> None:
        """Adds a view or a window, whose logits are known."""
        item, moving, still = predicted.item, predicted.moving, predicted.still
        if item.clip is None or moving is None or still is None:
            return

        if item.span is not None:
            window = WindowUse(*item.span, motion_use([moving], [still], black))
            self._windows.append(window)
            self._glimpses.add(window, item.clip)
            return

        self._moving.append(moving)
        self._still.append(still)
        # The first view is the most central one.
        if self._clip is None:
            self._clip = item.clip

    def finish(self, path: str, end: VideoEnd, black: Float[np.ndarray, " k"]) -> VideoPrediction:
        """Returns the prediction of the video."""
        video = VideoUse(path, self._use(black), end.num_frames, end.fps, tuple(self._windows))
        return VideoPrediction(video, self._clip, self._glimpses.chosen())

    def _use(self, black: Float[np.ndarray, " k"]) -> MotionUse:
        if self._moving:
            return motion_use(self._moving, self._still, black)

        # The film was too large to be read out of order.
        return self._windows[len(self._windows) // 2].use


class _Glimpses:
    """Middle frames of windows, evenly spread whatever the number of windows.

    Keeps every n-th window. When there are twice as many as wanted, n doubles.
    """

    def __init__(self):
        self._kept: list[Glimpse] = []
        self._every = 1
        self._count = 0

    def add(self, window: WindowUse, clip: UInt8[np.ndarray, "t h w 3"]) -> None:
        """Adds the next window."""
        if self._count % self._every == 0:
            # A copy, because a view would keep the whole clip.
            self._kept.append(Glimpse(window, clip[len(clip) // 2].copy()))
        self._count += 1

        if len(self._kept) == 2 * _NUM_GLIMPSES:
            self._kept = self._kept[::2]
            self._every *= 2

    def chosen(self) -> tuple[Glimpse, ...]:
        """Returns at most `_NUM_GLIMPSES` frames in order."""
        places = np.linspace(0, len(self._kept) - 1, min(_NUM_GLIMPSES, len(self._kept)))
        return tuple(self._kept[place] for place in places.round().astype(int))
