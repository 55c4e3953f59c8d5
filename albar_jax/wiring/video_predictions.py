"""Predicts videos one after the other: the clip of the evaluation, and a time line of long ones."""

import dataclasses
from collections.abc import Generator, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from tqdm import tqdm

from albar_jax.data.failures import FailureLog
from albar_jax.evaluation.motion_use import VideoUse, WindowUse, motion_use
from albar_jax.wiring.motion_predictor import MotionPredictor, Predicted
from albar_jax.wiring.video_clip import VideoClip, VideoEnd
from albar_jax.wiring.video_clips import VideoClips

# Windows of a long video whose middle frames are kept for the page.
_NUM_WINDOW_FRAMES = 12


@dataclasses.dataclass(frozen=True, eq=False)
class WindowFrame:
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
      clip: the central clip of the evaluation, uint8 RGB (T, H, W, 3).
      window_frames: frames of windows, evenly spread over the video.
    """

    video: VideoUse
    clip: UInt8[np.ndarray, "t h w 3"]
    window_frames: tuple[WindowFrame, ...]


class VideoPredictions:
    """The predictions of all readable videos, in order.

    Close the iterator if you stop early: threads wait for it.

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
        self._collected = _Collected()

    def __iter__(self) -> Generator[VideoPrediction, None, None]:
        black = self._predictor.black
        with tqdm(desc="predict", unit="clip") as bar:
            clips = VideoClips(self._predictor.config, self._videos, self._hop, bar)
            for predicted in self._predictor.predict(clips):
                item = predicted.item
                path = self._videos[item.video]
                if item.start is not None:
                    self._collected = _Collected(path, item.start.fps)
                if item.clip is not None:
                    self._collected.add(predicted, black)
                    bar.update()
                if item.end is None:
                    continue

                finished, self._collected = self._collected, _Collected()
                if item.end.reason:
                    self.failures[path] = item.end.reason
                else:
                    yield finished.finish(item.end, black)

    def begun(self) -> VideoUse | None:
        """Returns the time line so far of a video that has not been read to its end, if any."""
        return self._collected.begun()


class _Collected:
    """The predictions of one video so far.

    Args:
      path: path of the video.
      fps: its frames per second; None if unknown.
    """

    def __init__(self, path: str = "", fps: float | None = None):
        self._path = path
        self._fps = fps
        self._moving: list[Float[np.ndarray, " k"]] = []
        self._still: list[Float[np.ndarray, " k"]] = []
        # The clip of the first view, which is the most central one.
        self._clips: list[UInt8[np.ndarray, "t h w 3"]] = []
        self._moves = False
        self._windows: list[WindowUse] = []
        self._window_frames = _WindowFrames()

    def add(self, predicted: Predicted[VideoClip], black: Float[np.ndarray, " k"]) -> None:
        """Adds a view or a window, whose logits are known."""
        item, moving, still = predicted.item, predicted.moving, predicted.still
        if item.clip is None or moving is None or still is None:
            return

        if item.span is not None:
            use = motion_use([moving], [still], black, moves=_moves(item.clip))
            window = WindowUse(*item.span, use)
            self._windows.append(window)
            self._window_frames.add(window, item.clip)
            return

        self._moving.append(moving)
        self._still.append(still)
        self._moves |= _moves(item.clip)
        if not self._clips:
            self._clips.append(item.clip)

    def finish(self, end: VideoEnd, black: Float[np.ndarray, " k"]) -> VideoPrediction:
        """Returns the prediction of the video."""
        use = motion_use(self._moving, self._still, black, moves=self._moves)
        video = VideoUse(self._path, use, end.num_frames, end.fps, tuple(self._windows))
        return VideoPrediction(video, self._clips[0], self._window_frames.chosen())

    def begun(self) -> VideoUse | None:
        """Returns the windows so far, with the last one as the answer; None without windows."""
        if not self._windows:
            return None
        last = self._windows[-1]
        return VideoUse(self._path, last.use, last.last + 1, self._fps, tuple(self._windows))


def _moves(clip: UInt8[np.ndarray, "t h w 3"]) -> bool:
    """Returns whether the frames of a clip differ."""
    return any(not np.array_equal(frame, clip[0]) for frame in clip[1:])


class _WindowFrames:
    """Middle frames of windows, evenly spread whatever the number of windows.

    Keeps every n-th window. When there are twice as many as wanted, n doubles.
    """

    def __init__(self):
        self._kept: list[WindowFrame] = []
        self._every = 1
        self._count = 0

    def add(self, window: WindowUse, clip: UInt8[np.ndarray, "t h w 3"]) -> None:
        """Adds the next window."""
        if self._count % self._every == 0:
            # A copy, because a view would keep the whole clip.
            self._kept.append(WindowFrame(window, clip[len(clip) // 2].copy()))
        self._count += 1

        if len(self._kept) == 2 * _NUM_WINDOW_FRAMES:
            self._kept = self._kept[::2]
            self._every *= 2

    def chosen(self) -> tuple[WindowFrame, ...]:
        """Returns at most `_NUM_WINDOW_FRAMES` frames in order."""
        places = np.linspace(0, len(self._kept) - 1, min(_NUM_WINDOW_FRAMES, len(self._kept)))
        return tuple(self._kept[place] for place in places.round().astype(int))
