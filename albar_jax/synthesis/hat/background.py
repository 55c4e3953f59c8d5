"""Makes HAT's background-only clips: each video without its person."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.data.decode import open_video
from albar_jax.data.reading import size_of, spans
from albar_jax.masks import pixels
from albar_jax.masks.base import NoMask
from albar_jax.storage.journal import Row
from albar_jax.synthesis.clip_list import SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat, open_clip
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.hat.emptying import WIDEN, empty
from albar_jax.synthesis.hat.scenes import Scenes
from albar_jax.synthesis.shares import percent


@dataclasses.dataclass(frozen=True)
class Background:
    """A maker of background-only clips; see sets.SetMaker.

    Attributes:
      foregrounds: the masks of the persons.
      scenes: the emptied scenes.
      widen: pixels by which a person is widened before it is removed.
      form: file format of the clips.
    """

    foregrounds: Foregrounds
    scenes: Scenes
    widen: int = WIDEN
    form: ClipFormat = "zip"
    kind = "hat_background"

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {"scenes": self.scenes.digest, "format": self.form}

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Describes how much of the frames is replaced; see sets.SetMaker."""
        removed = np.mean([float(row["removed"]) for row in rows])
        inpainted = np.mean([float(row["inpainted"]) for row in rows])
        return [
            f"{percent(float(removed))} of the frames are replaced with the person; "
            f"{percent(float(inpainted))} of the scene is never uncovered, and inpainted"
        ]

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the clip of a video; see runner.Maker."""
        (clip,) = video.clips
        with open_video(video.path) as frames_of:
            size = size_of(frames_of)
            masks, frame_ids = self.foregrounds.masks_of(video.id, video.path, size)
            number = self.scenes.find(video.id)
            if number is None:
                raise NoMask("it has no emptied scene")

            picture = self.scenes.picture(number, size[1:])
            replaced = 0
            with open_clip(folder / clip.file, self.form) as add_frames:
                for span in spans(len(frame_ids), size):
                    frames = frames_of.read(frame_ids[span])
                    removed = pixels.grow(masks[span], self.widen)
                    replaced += int(removed.sum())
                    add_frames(empty(frames, removed, picture))

        return [
            {
                "id": clip.id,
                "masks": self.foregrounds.spec,
                "rules": rules_to_text(self.foregrounds.rules),
                "widen": self.widen,
                "frames": len(frame_ids),
                "removed": f"{replaced / masks.size:.4f}",
                "inpainted": f"{self.scenes.never[number]:.4f}",
            }
        ]
