"""Makes SCUFO stills: one random frame of each SCUBA clip, which shows no motion. (StillMix)

Published stills are drawn from all frames, with or without an actor. On a still without an actor a
model can only guess, which lowers SCUFO and raises contrasted accuracy for any model. So stills are
drawn from frames in which the actor covers --min-area of the frame; --as-published draws from all
frames.
"""

import dataclasses
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.reading import size_of
from albar_jax.files import replacing
from albar_jax.masks.base import NoMask
from albar_jax.storage import access
from albar_jax.storage.journal import Row
from albar_jax.synthesis.clip_list import Clip, SourceVideo
from albar_jax.synthesis.clip_writer import FRAME, encode_jpeg
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.shares import ACTOR, check_share, percent

SUFFIX = ".jpg"


@dataclasses.dataclass(frozen=True)
class Scufo:
    """A maker of SCUFO stills; see sets.SetMaker.

    Attributes:
      scuba: identifies the set of SCUBA clips.
      seed: random seed.
      foregrounds: the masks that made the SCUBA clips; None if unknown.
      min_area: minimum share of the frame that the actor covers, 0 to 1. 0 draws from all frames,
        as published, and needs no masks.
    """

    scuba: str
    seed: int = 0
    foregrounds: Foregrounds | None = None
    min_area: float = ACTOR
    kind = "scufo"

    def __post_init__(self):
        check_share("--min-area", self.min_area)

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        masks = rules = None
        if self.foregrounds is not None:
            masks = self.foregrounds.spec
            rules = rules_to_text(self.foregrounds.rules)

        return {
            "seed": self.seed,
            "scuba": self.scuba,
            "min_area": self.min_area,
            "masks": masks,
            "rules": rules,
        }

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes a still of each SCUBA clip and records its frame number; see runner.Maker."""
        # All clips of a video have the same actor, so its masks are read once.
        areas = self._areas(video)
        return [self._make(clip, areas, folder) for clip in video.clips]

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Counts the stills that barely show an actor; see sets.SetMaker."""
        areas = [float(row["area"]) for row in rows if row["area"] != ""]

        lines = []
        if areas:
            few = sum(area < ACTOR for area in areas)
            lines.append(
                f"the actor covers less than {percent(ACTOR)} of {few:,} of {len(areas):,} stills"
            )
        if len(areas) < len(rows):
            lines.append(
                f"note: the masks of the SCUBA clips of {len(rows) - len(areas):,} stills are not "
                "known, so these are drawn from all frames, as published, and may show no actor"
            )
        return lines

    def _areas(self, video: SourceVideo) -> Float[np.ndarray, " t"] | None:
        """Returns the actor's share of each frame, or None without masks."""
        if self.foregrounds is None:
            return None

        try:
            with open_video(video.path) as frames:
                size = size_of(frames)
            masks, _ = self.foregrounds.masks_of(video.id, video.path, size)
        except (DecodeError, NoMask):
            # Without a minimum area the masks only describe the stills.
            if self.min_area:
                raise
            return None

        return masks.mean(axis=(1, 2))

    def _make(self, clip: Clip, areas: Float[np.ndarray, " t"] | None, folder: Path) -> Row:
        """Writes the still of one clip."""
        with open_video(clip.source) as video:
            count = len(video)
            if areas is not None and len(areas) != count:
                if self.min_area:
                    raise NoMask(
                        f"it has masks for {len(areas)} frames, but {clip.source} has {count} "
                        "frames"
                    )
                areas = None

            number = self._draw(clip, areas, count)

            # An archive's own image is copied, so that clip and still decode to the same pixels.
            image = _stored_image(clip.source, number)
            if not image:
                image = encode_jpeg(video.read([number])[0], fine=True)

        with replacing(folder / clip.file) as temporary:
            temporary.write_bytes(image)

        area = "" if areas is None else f"{areas[number]:.6f}"
        return {"id": clip.id, "seed": self.seed, "frame": number, "area": area}

    def _draw(self, clip: Clip, areas: Float[np.ndarray, " t"] | None, count: int) -> int:
        """Draws a frame that shows enough of the actor. Raises NoMask if none does."""
        # With a minimum area of 0 this is the published draw.
        frames = np.arange(count)
        if self.min_area:
            # Stills without an actor would only measure guesses.
            # `sets.scufo` gives masks if there is a minimum area.
            known_areas = cast(np.ndarray, areas)
            frames = np.flatnonzero(known_areas >= self.min_area)

        if not len(frames):
            raise NoMask(
                f"the actor covers {percent(self.min_area)} of the frame in none of its {count} "
                "frames"
            )
        return int(frames[generator(self.seed, "frame", clip.id).integers(len(frames))])


def _stored_image(path: str, number: int) -> bytes | None:
    """Returns the encoded image of a frame if the clip is an archive of `clip_writer`."""
    # A folder of frames is not an archive, and a pipe must not be read.
    if not access.exists(path) or not stat.S_ISREG(access.stat(path).st_mode):
        return None

    with access.StoredFile(path) as file:
        if not zipfile.is_zipfile(file):
            return None
        return _image_in_archive(file, number)


def _image_in_archive(file: access.StoredFile, number: int) -> bytes | None:
    with zipfile.ZipFile(file) as archive:
        names = sorted(archive.namelist())
        # Other archives may number their frames in another way.
        expected = [FRAME.format(i + 1) for i in range(len(names))]
        if names != expected:
            return None
        return archive.read(FRAME.format(number + 1))
