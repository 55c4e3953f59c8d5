"""Makes SCUBA clips: the actor of a video on another, still background. (StillMix Sec. 4)"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.data.decode import open_video
from albar_jax.data.reading import size_of, spans
from albar_jax.storage.journal import Row
from albar_jax.synthesis.background_source import Backgrounds, Fit, fit
from albar_jax.synthesis.clip_list import SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat, open_clip
from albar_jax.synthesis.composite import paste
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.shares import ACTOR, FULL, percent


@dataclasses.dataclass(frozen=True)
class Scuba:
    """A maker of SCUBA clips; see sets.SetMaker.

    Copy k of a video gets the k-th background drawn for this video.

    Attributes:
      foregrounds: the masks of the actors.
      backgrounds: the new backgrounds.
      seed: random seed.
      fit: how backgrounds are resized; see `background_source.fit`.
      form: file format of the clips.
    """

    foregrounds: Foregrounds
    backgrounds: Backgrounds
    seed: int = 0
    fit: Fit = "published"
    form: ClipFormat = "zip"
    kind = "scuba"

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {
            "seed": self.seed,
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "backgrounds": self.backgrounds.fingerprint,
            "fit": self.fit,
            "format": self.form,
        }

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Counts clips whose masks cover almost nothing or everything; see sets.SetMaker."""
        areas = [float(row["area"]) for row in rows]
        empty = sum(area < ACTOR for area in areas)
        full = sum(area > FULL for area in areas)

        lines = []
        if empty:
            lines.append(
                f"note: in {empty:,} clips the masks cover less than {percent(ACTOR)} of the "
                "frames, so that they show little but the new background"
            )
        if full:
            lines.append(
                f"note: in {full:,} clips the masks cover more than {percent(FULL)} of the frames, "
                "so that hardly any background is replaced"
            )
        return lines

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the clips of a video from its frames that have masks; see runner.Maker."""
        with open_video(video.path) as frames_of, contextlib.ExitStack() as writers:
            size = size_of(frames_of)
            masks, frame_ids = self.foregrounds.masks_of(video.id, video.path, size)

            names = []
            backgrounds = []
            for copy in range(len(video.clips)):
                name, picture = self.backgrounds.draw(self.seed, video.id, copy)
                names.append(name)
                backgrounds.append(fit(picture, *size[1:], self.fit))

            outputs = []
            for clip in video.clips:
                output = open_clip(folder / clip.file, self.form)
                outputs.append(writers.enter_context(output))

            # All copies are written at once, so that each frame is decoded once.
            for span in spans(len(frame_ids), size):
                frames = frames_of.read(frame_ids[span])
                for background, add_frames in zip(backgrounds, outputs, strict=True):
                    add_frames(paste(frames, masks[span], background))

        # Recorded so that SCUFO and Confl-FG find the same masks again.
        common = {
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "seed": self.seed,
            "frames": len(frame_ids),
            "area": f"{masks.mean():.4f}",
        }
        rows = []
        for clip, name in zip(video.clips, names, strict=True):
            rows.append({"id": clip.id, "background": name, **common})
        return rows
