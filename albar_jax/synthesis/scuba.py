"""SCUBA: the actor of a video before another, still background. (StillMix Sec. 4)"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.data.decode import open_video
from albar_jax.synthesis.background_source import Backgrounds, Fit, fit
from albar_jax.synthesis.clip_writer import Format, open_clip
from albar_jax.synthesis.composite import paste
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.journal import Row
from albar_jax.synthesis.plan import Unit
from albar_jax.synthesis.reading import size_of, spans
from albar_jax.synthesis.shares import ACTOR, FULL, percent


@dataclasses.dataclass(frozen=True)
class Scuba:
    """Makes SCUBA clips, copy k of a video before the k-th background drawn for it."""

    foregrounds: Foregrounds
    backgrounds: Backgrounds
    seed: int = 0
    fit: Fit = "published"
    form: Format = "zip"
    kind = "scuba"

    def settings(self) -> Mapping[str, Any]:
        """See production.Maker."""
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
                f"note: in {empty:,} clips the masks cover less than {percent(ACTOR)} of the frames, so that they "
                "show little but the new background"
            )
        if full:
            lines.append(
                f"note: in {full:,} clips the masks cover more than {percent(FULL)} of the frames, so that hardly "
                "any background is replaced"
            )

        return lines

    def make(self, unit: Unit, folder: Path) -> list[Row]:
        """Writes a clip of the frames that have masks, and returns what it was made of; see production.Maker."""
        with open_video(unit.video) as video, contextlib.ExitStack() as writers:
            size = size_of(video)
            masks, kept = self.foregrounds.of(unit.id, unit.video, size)
            drawn = [
                self.backgrounds.draw(self.seed, unit.id, copy) for copy in range(len(unit.clips))
            ]
            new = [fit(picture, *size[1:], self.fit) for _, picture in drawn]
            clips = [
                writers.enter_context(open_clip(folder / clip.file, self.form))
                for clip in unit.clips
            ]
            for span in spans(len(kept), size):
                frames = video.read(kept[span])
                for background, add in zip(new, clips, strict=True):
                    add(paste(frames, masks[span], background))
        common = {
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "seed": self.seed,
            "frames": len(kept),
            "area": f"{masks.mean():.4f}",
        }
        return [
            {"id": clip.id, "background": name, **common}
            for clip, (name, _) in zip(unit.clips, drawn, strict=True)
        ]
