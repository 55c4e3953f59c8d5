"""Makes appearance-free clips: noise that moves as the video does. (Ilic et al., 2022)

White noise is carried along the optical flow of the video, which OpenCV's DIS measures. A single
frame is pure noise and shows nothing; only the motion tells the action. A model that is right on
such a clip needs no appearance. At the end, a check compares single frames of the written clips,
inside and outside of their moving regions, with true noise.

Clips are archives of PNG images. A lossy video codec such as H.264 blurs moving regions more than
still ones, which would show them.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.reading import size_of, spans
from albar_jax.errors import UserError
from albar_jax.storage.journal import Row
from albar_jax.synthesis import flow
from albar_jax.synthesis.carried_noise import CHANNELS, CarriedNoise
from albar_jax.synthesis.clip_list import Clip, SourceVideo
from albar_jax.synthesis.clip_writer import open_lossless_clip
from albar_jax.synthesis.draws import generator

Noise = Literal["gray", "color"]

# Height or width of the grid, whichever is smaller, for grains of automatic size.
_CELLS = 240
# Share of cells that must move in the average frame for a clip to show a motion.
_STILL = 0.001


@dataclasses.dataclass(frozen=True)
class AppearanceFree:
    """A maker of appearance-free clips; see sets.SetMaker.

    Attributes:
      seed: random seed.
      noise: "gray" or "color".
      grain: height and width of a grain in pixels, at least 1. None depends on the video: the
        shorter side of a frame divided by 240, rounded, at least 1.
    """

    seed: int = 0
    noise: Noise = "gray"
    grain: int | None = None
    kind = "afd"

    def __post_init__(self):
        if self.grain is not None and self.grain < 1:
            raise UserError(f"--grain is {self.grain}; give 1 pixel or more")

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {"seed": self.seed, "noise": self.noise, "grain": self.grain}

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the clip of a video and records how much of it moves; see runner.Maker."""
        return [self._make(clip, video, folder) for clip in video.clips]

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Counts the clips in which hardly anything moves; see sets.SetMaker."""
        moving, renewed, speed = (
            np.mean([float(row[name]) for row in rows]) for name in ("moving", "renewed", "speed")
        )
        lines = [
            f"in the average frame, {100 * moving:.1f} % of the noise moves, by {speed:.2f} pixels "
            f"per frame, and {100 * renewed:.1f} % is new"
        ]

        still = sum(float(row["moving"]) < _STILL for row in rows)
        if still:
            lines.append(
                f"note: in {still:,} clips hardly anything moves, so that they show no action"
            )
        return lines

    def grain_of(self, height: int, width: int) -> int:
        """Returns the size of a grain in pixels, given the size of the frames."""
        if self.grain is None:
            return max(1, round(min(height, width) / _CELLS))
        return min(self.grain, height, width)

    def _make(self, clip: Clip, video: SourceVideo, folder: Path) -> Row:
        with open_video(video.path) as frames_of:
            count, height, width = size_of(frames_of)
            if count < 2:
                raise DecodeError(f"{video.path}: it has one frame, so nothing moves")

            grain = self.grain_of(height, width)
            shape = -(-height // grain), -(-width // grain)
            rng = generator(self.seed, "noise", video.id)
            noise = CarriedNoise(rng, shape, CHANNELS[self.noise])
            motion = _Motion()

            with open_lossless_clip(folder / clip.file) as add_frames:
                add_frames(enlarge(noise.colors, grain, height, width)[None])
                for earlier, later in _pairs(frames_of, (count, height, width)):
                    displacement = flow.measure(earlier, later, shape)
                    step = noise.advance(displacement)
                    motion.add(displacement * grain, step.is_moving, step.is_new)
                    add_frames(enlarge(noise.colors, grain, height, width)[None])

        return {
            "id": clip.id,
            "seed": self.seed,
            "frames": count,
            "noise": self.noise,
            "grain": grain,
            **motion.columns(),
        }


class _Motion:
    """The motion of a clip, averaged over its steps from frame to frame."""

    def __init__(self):
        self._moving: list[float] = []
        self._renewed: list[float] = []
        self._speeds: list[float] = []

    def add(self, displacement: np.ndarray, is_moving: np.ndarray, is_new: np.ndarray) -> None:
        """Adds a step: displacements in pixels, and which cells have moving or new noise."""
        self._moving.append(is_moving.mean())
        self._renewed.append(is_new.mean())
        if is_moving.any():
            self._speeds.append(np.linalg.norm(displacement, axis=-1)[is_moving].mean())

    def columns(self) -> Row:
        """Returns columns of the manifest: shares from 0 to 1, and pixels per frame."""
        speed = np.mean(self._speeds) if self._speeds else 0.0
        return {
            "moving": f"{np.mean(self._moving):.4f}",
            "renewed": f"{np.mean(self._renewed):.4f}",
            "speed": f"{speed:.3f}",
        }


def enlarge(
    colors: UInt8[np.ndarray, "rows columns channels"], grain: int, height: int, width: int
) -> UInt8[np.ndarray, "height width channels"]:
    """Returns a frame that shows each cell as a square of `grain` pixels, cut to its size."""
    return colors.repeat(grain, 0).repeat(grain, 1)[:height, :width]


def _pairs(frames_of, size: tuple[int, int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields each frame of an open video with the next one."""
    previous = None
    for span in spans(size[0], size):
        for frame in frames_of.read(range(span.start, span.stop)):
            if previous is not None:
                yield previous, frame
            previous = frame
