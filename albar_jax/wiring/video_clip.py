"""Defines the items of a stream of videos: their starts, their clips and their ends."""

import dataclasses

import numpy as np
from jaxtyping import UInt8

Clip = UInt8[np.ndarray, "t h w 3"]


@dataclasses.dataclass(frozen=True)
class VideoStart:
    """The properties of a video that are known before its first clip.

    Attributes:
      num_clips: number of its clips, by the number of frames that the file states.
      fps: frames per second; None if unknown.
    """

    num_clips: int
    fps: float | None


@dataclasses.dataclass(frozen=True)
class VideoEnd:
    """The properties of a video that are known after its last clip.

    Attributes:
      num_frames: frames of the video.
      fps: frames per second; None if unknown.
      reason: why it cannot be read, with its path; "" if it was read.
    """

    num_frames: int = 0
    fps: float | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class VideoClip:
    """One clip of a video, or the start or the end of the video.

    Attributes:
      video: number of the video.
      clip: the clip, uint8 RGB (T, H, W, 3); None at the start and at the end of the video.
      span: numbers of the first and the last frame of a window; None for a view.
      start: what is known at the start of the video; None if it cannot be opened.
      end: what is known at the end of the video.
    """

    video: int
    clip: Clip | None = None
    span: tuple[int, int] | None = None
    start: VideoStart | None = None
    end: VideoEnd | None = None
