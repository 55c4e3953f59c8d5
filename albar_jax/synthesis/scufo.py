"""SCUFO: one frame of each SCUBA clip, drawn at random, which shows the actor and nothing of the action. (StillMix)"""

import dataclasses
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from albar_jax.data import storage
from albar_jax.data.decode import open_video
from albar_jax.files import replacing
from albar_jax.synthesis.clip_writer import FRAME, encode_jpeg
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.journal import Row
from albar_jax.synthesis.plan import Clip, Unit

SUFFIX = ".jpg"


@dataclasses.dataclass(frozen=True)
class Scufo:
    """Makes SCUFO clips, each an image."""

    scuba: str  # tells sets of SCUBA clips apart
    seed: int = 0
    kind = "scufo"

    def settings(self) -> Mapping[str, Any]:
        """See production.Maker."""
        return {"seed": self.seed, "scuba": self.scuba}

    def make(self, unit: Unit, folder: Path) -> list[Row]:
        """Writes an image for each SCUBA clip and returns which frame it is, from 0; see production.Maker."""
        return [{"id": clip.id, "seed": self.seed, "frame": self._make(clip, folder)} for clip in unit.clips]

    def _make(self, clip: Clip, folder: Path) -> int:
        with open_video(clip.source) as video:
            number = int(generator(self.seed, "frame", clip.id).integers(len(video)))
            # The image itself, where the clip is made of such: the two then decode to the very same pixels.
            image = _stored(clip.source, number) or encode_jpeg(video.read([number])[0], fine=True)
        with replacing(folder / clip.file) as temporary:
            temporary.write_bytes(image)
        return number


def _stored(path: str, number: int) -> bytes | None:
    """Returns the image of a frame in an archive of ours, None of any other."""
    if not storage.exists(path) or not stat.S_ISREG(storage.stat(path).st_mode):
        return None
    with storage.StoredFile(path) as file:
        return _stored_in(file, number) if zipfile.is_zipfile(file) else None


def _stored_in(file: storage.StoredFile, number: int) -> bytes | None:
    with zipfile.ZipFile(file) as archive:
        member = FRAME.format(number + 1)
        is_ours = sorted(archive.namelist()) == [FRAME.format(i + 1) for i in range(len(archive.namelist()))]
        return archive.read(member) if is_ours else None
