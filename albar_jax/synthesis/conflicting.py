"""Confl-FG: a SCUBA clip with somebody of another action standing still in it. (StillMix; ALBAR Sec. 4)

There is no published program. As the paper has it, the still foreground is cut out of one frame of a random video of
another class, and the label is that of the moving action. What is left open is decided so that the clip holds as much
of both as it can: the still foreground lies over the background and under the actor, so that nothing of the action is
hidden, and is put where the actor covers the least of it, see `placing`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.errors import UserError
from albar_jax.synthesis.clip_writer import Format, open_clip
from albar_jax.synthesis.composite import behind
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.journal import Row
from albar_jax.synthesis.masks.base import NoMask
from albar_jax.synthesis.placing import CutOut, cut_out, place
from albar_jax.synthesis.plan import Clip, Unit
from albar_jax.synthesis.reading import size_of, spans

_MOST_DONORS = 20  # drawn before a clip is given up
_LEAST_AREA = 0.002  # of a frame: what is smaller cannot be made out


@dataclasses.dataclass(frozen=True)
class Conflicting:
    """Makes Confl-FG clips from a set of SCUBA clips.

    Attributes:
      foregrounds: the masks with which the SCUBA clips were made.
      donors: the videos of the set, in its order.
      scuba: tells sets of SCUBA clips apart.
    """

    foregrounds: Foregrounds
    donors: Sequence[Unit]
    scuba: str
    seed: int = 0
    form: Format = "zip"
    kind = "conflfg"

    def settings(self) -> Mapping[str, Any]:
        """See production.Maker."""
        return {
            "seed": self.seed,
            "scuba": self.scuba,
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "format": self.form,
        }

    def make(self, unit: Unit, folder: Path) -> list[Row]:
        """Writes a clip for each SCUBA clip, and returns who stands in it; see production.Maker."""
        actor, _ = self._masks(unit)
        return [self._make(clip, actor, folder) for clip in unit.clips]

    def _make(self, clip: Clip, actor: np.ndarray, folder: Path) -> Row:
        with open_video(clip.source) as video:
            size = size_of(video)
            if size != actor.shape:
                raise NoMask(f"its masks are {actor.shape}, but {clip.source} is {size} (frames, height, width)")
            donor, number, foreground = self._draw(clip, size)
            still, mask, left = place(foreground, actor)
            with open_clip(folder / clip.file, self.form) as add:
                for span in spans(len(video), size):
                    add(behind(still, mask, actor[span], video.read(range(span.start, span.stop))))
        return {
            "id": clip.id,
            "seed": self.seed,
            "donor": donor.id,
            "donor_label": donor.clips[0].label,
            "donor_frame": number,
            "left": left,
            "visible": f"{(mask & ~actor).sum() / (len(actor) * mask.sum()):.4f}",
            "frames": len(actor),
        }

    def _draw(self, clip: Clip, size: tuple[int, int, int]) -> tuple[Unit, int, CutOut]:
        """Draws a video of another class, one of its frames, and cuts out the foreground for frames of `size`."""
        others = [unit for unit in self.donors if unit.clips[0].label != clip.label]
        rng = generator(self.seed, "donor", clip.id)
        for _ in range(_MOST_DONORS):
            donor, moment = others[rng.integers(len(others))], rng.random()
            try:
                masks, kept = self._masks(donor)
                shown = np.flatnonzero(masks.mean(axis=(1, 2)) >= _LEAST_AREA)
                if len(shown):
                    chosen = shown[int(moment * len(shown))]
                    with open_video(donor.video) as video:
                        picture = video.read([kept[chosen]])[0]
                    return donor, int(kept[chosen]), cut_out(picture, masks[chosen], *size[1:])
            except (DecodeError, NoMask):
                continue
        raise NoMask(f"{_MOST_DONORS} videos of other classes were drawn, and none has a foreground to be seen")

    def _masks(self, unit: Unit) -> tuple[np.ndarray, np.ndarray]:
        with open_video(unit.video) as video:
            size = size_of(video)
        return self.foregrounds.of(unit.id, unit.video, size)


def check_donors(units: Sequence[Unit]) -> None:
    """Raises UserError where there are no videos of several classes to cut a foreground out of."""
    if not all(unit.video for unit in units):
        raise UserError("the SCUBA manifest has no column `source`, so there is nothing to cut a foreground out of")
    if len({unit.clips[0].label for unit in units}) < 2:
        raise UserError(f"all SCUBA clips are of the class {units[0].clips[0].label!r}, but Confl-FG needs two")
