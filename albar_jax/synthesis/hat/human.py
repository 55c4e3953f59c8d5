"""Makes HAT's human-only clips: the person of each video on the mean color of the data set."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.data.decode import open_video
from albar_jax.data.reading import size_of, spans
from albar_jax.storage.journal import Row
from albar_jax.synthesis.clip_list import SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat, open_clip
from albar_jax.synthesis.composite import paste
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.shares import ACTOR, percent


@dataclasses.dataclass(frozen=True)
class Human:
    """A maker of human-only clips; see sets.SetMaker.

    Attributes:
      foregrounds: the masks of the persons.
      color: color of the background, RGB, 0 to 255.
      form: file format of the clips.
    """

    foregrounds: Foregrounds
    color: tuple[int, int, int]
    form: ClipFormat = "zip"
    kind = "hat_human"

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "color": self.color,
            "format": self.form,
        }

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Counts clips that show almost nobody; see sets.SetMaker."""
        empty = sum(float(row["area"]) < ACTOR for row in rows)
        if not empty:
            return []
        return [
            f"note: in {empty:,} clips the masks cover less than {percent(ACTOR)} of the frames, "
            "so that they show almost nobody"
        ]

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the clip of a video; see runner.Maker."""
        (clip,) = video.clips
        with (
            open_video(video.path) as frames_of,
            open_clip(folder / clip.file, self.form) as add_frames,
        ):
            size = size_of(frames_of)
            masks, frame_ids = self.foregrounds.masks_of(video.id, video.path, size)
            background = np.full((*size[1:], 3), self.color, np.uint8)
            for span in spans(len(frame_ids), size):
                add_frames(paste(frames_of.read(frame_ids[span]), masks[span], background))

        return [
            {
                "id": clip.id,
                "masks": self.foregrounds.spec,
                "rules": rules_to_text(self.foregrounds.rules),
                "color": " ".join(map(str, self.color)),
                "frames": len(frame_ids),
                "area": f"{masks.mean():.4f}",
            }
        ]
