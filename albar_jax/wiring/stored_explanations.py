"""Stores the explanation of each clip as it is finished, so that a repeated command resumes.

OUT/clip_NN.npz has the frames of the clip, the unsmoothed arrays of all models as
`MODEL_seedN_MAP`, and `about`, a JSON text with the settings and the rows of the table.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.data.arrays import ArrayError, read_npz
from albar_jax.errors import UserError
from albar_jax.files import list_names, replacing
from albar_jax.report.attribution_pictures import Explained, ExplainedClip
from albar_jax.report.attribution_table import AttributionRow
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside
from albar_jax.wiring.clip_maps import overlays_of

_FRAMES, _ABOUT = "frames", "about"
_NAME = re.compile(r"clip_(\d{2,})\.(npz|png)")


@dataclasses.dataclass(frozen=True, eq=False)
class ModelExplanation:
    """The explanation of one model for one clip.

    Attributes:
      row: its row of the table.
      answer: text about the answer, such as "wave 93%".
      patch: frames, rows and columns of a patch of the network.
      captions: text about each map, by its name.
      warnings: sentences about maps that are not complete enough.
      arrays: the maps by name.
    """

    row: AttributionRow
    answer: str
    patch: tuple[int, int, int]
    captions: Mapping[str, str]
    warnings: tuple[str, ...]
    arrays: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """The explanations of all models for one clip.

    Attributes:
      clip: id of the clip.
      label: name of its class.
      frames: uint8 RGB (T, H, W, 3).
      models: one explanation for each model.
    """

    clip: str
    label: str
    frames: np.ndarray
    models: tuple[ModelExplanation, ...]

    def drawn(self) -> ExplainedClip:
        """Returns what the pictures show."""
        models = []
        for each in self.models:
            overlays = overlays_of(each.arrays, each.captions, self.frames)
            models.append(Explained(each.row.model, each.answer, overlays, each.patch))
        return ExplainedClip(self.clip, self.label, self.frames, tuple(models))


class StoredExplanations:
    """The explanations in a folder. Iterating yields what the pictures show, one clip at a time.

    Args:
      folder: the folder.
      settings: JSON content that determines an explanation together with the clip.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self._folder = folder
        # As it is read back.
        self._settings = json.loads(json.dumps(settings))
        self._count = 0

    def __iter__(self) -> Iterator[ExplainedClip]:
        for number in range(self._count):
            explanation = self._read(number)
            if explanation is None:
                raise UserError(
                    f"{self._path(number)} was changed by another program; repeat the command"
                )
            yield explanation.drawn()

    def find(self, number: int, clip: str, label: str, frames: np.ndarray) -> Explanation | None:
        """Returns the finished explanation of a clip with this label and these frames, or None."""
        found = self._read(number)
        if found is None or (found.clip, found.label) != (clip, label):
            return None
        if not np.array_equal(found.frames, frames):
            return None
        self._count = number + 1
        return found

    def add(self, number: int, explanation: Explanation) -> None:
        """Writes an explanation, atomically."""
        models = []
        arrays = {_FRAMES: explanation.frames}
        for each in explanation.models:
            described = dataclasses.asdict(dataclasses.replace(each, arrays={}))
            models.append(described | {"arrays": list(each.arrays)})
            for name, values in each.arrays.items():
                arrays[_key(each.row, name)] = values

        about = {"clip": explanation.clip, "label": explanation.label, "models": models}
        text = json.dumps(about | {"settings": self._settings})
        with replacing(self._path(number)) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_ABOUT: np.array(text)}, **arrays)
        self._count = number + 1

    def remove_others(self) -> None:
        """Removes the arrays and pictures that are left of an earlier command with more clips."""
        for name in list_names(self._folder):
            match = _NAME.fullmatch(name)
            if match and int(match[1]) >= self._count:
                inside(self._folder, name).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return inside(self._folder, f"clip_{number:02}.npz")

    def _read(self, number: int) -> Explanation | None:
        """Reads an explanation; None if there is none, or one of other settings."""
        try:
            with self._path(number).open("rb") as file:
                text = str(read_npz(file, [_ABOUT])[_ABOUT])
                about = json_files.parse(text, _ABOUT, finite=False)
                if about["settings"] != self._settings:
                    return None
                return _explanation(about, file)
        # A file that this program has not written.
        except (FileNotFoundError, ArrayError, LookupError, TypeError, ValueError, UserError):
            return None


def _key(row: AttributionRow, name: str) -> str:
    return f"{row.model}_seed{row.seed}_{name}"


def _explanation(about: Mapping[str, Any], file: Any) -> Explanation:
    models = []
    for described in about["models"]:
        row = AttributionRow(**described["row"])
        keys = {name: _key(row, name) for name in described["arrays"]}
        arrays = read_npz(file, list(keys.values()))
        changed = described | {
            "row": row,
            "patch": tuple(described["patch"]),
            "warnings": tuple(described["warnings"]),
            "arrays": {name: arrays[key] for name, key in keys.items()},
        }
        models.append(ModelExplanation(**changed))
    frames = read_npz(file, [_FRAMES])[_FRAMES]
    return Explanation(about["clip"], about["label"], frames, tuple(models))
