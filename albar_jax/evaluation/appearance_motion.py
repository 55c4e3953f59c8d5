"""Averages the parts of appearance and motion in a model's scores, with bootstrap intervals.

The score is the logit of the label minus the mean logit, so a constant on all logits changes
nothing. Appearance is the score of the static clip (the middle frame, repeated) minus the score of
a black clip. Motion is the score of the clip minus the score of the static clip. A model that reads
the answer from a single frame has appearance and little motion.

A run's parts are in the file `appearance_motion.tsv` next to its predictions.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation import averages, bootstrap
from albar_jax.storage.csv_files import read_table, whole, write_table

FILE = "appearance_motion.tsv"
_COLUMNS = ("id", "label", "appearance", "motion")


@dataclasses.dataclass(frozen=True, eq=False)
class AppearanceMotion:
    """The parts of one run's scores for the original test clips; row i is `ids[i]`.

    Attributes:
      ids: N clip ids.
      labels: int (N,), true classes.
      appearance: float64 (N,), in units of a logit.
      motion: float64 (N,), in units of a logit.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    appearance: np.ndarray
    motion: np.ndarray


@dataclasses.dataclass(frozen=True)
class Part:
    """The mean of one part over clips, and over the runs of a model.

    Attributes:
      mean: mean over clips, then over seeds.
      sd: standard deviation over seeds; None for a single seed.
      interval: bootstrap 95 % interval (low, high) over test videos, all seeds together.
    """

    mean: float
    sd: float | None
    interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Parts:
    """Appearance and motion of a model, over some clips.

    Attributes:
      clips: smallest number of clips over the runs.
      appearance: what one frame, repeated, adds to the score of a black clip.
      motion: what the moving clip adds to the score of that frame.
    """

    clips: int
    appearance: Part
    motion: Part


@dataclasses.dataclass(frozen=True)
class SplitSummary:
    """Appearance and motion of a model.

    Attributes:
      every: over all clips.
      classes: over the clips of each class; None for a class without a clip.
    """

    every: Parts
    classes: tuple[Parts | None, ...]


def summarise_split(
    runs: Sequence[AppearanceMotion | None], num_classes: int
) -> SplitSummary | None:
    """Averages the parts of all runs of a model; None if a run has none.

    Args:
      runs: parts of each training seed.
      num_classes: K.
    """
    measured = [run for run in runs if run is not None]
    if not measured or len(measured) < len(runs):
        return None

    classes = []
    for label in range(num_classes):
        of_class = [_take(run, run.labels == label) for run in measured]
        has_clips = all(run.ids for run in of_class)
        classes.append(_parts(of_class) if has_clips else None)
    return SplitSummary(_parts(measured), tuple(classes))


def _take(run: AppearanceMotion, chosen: np.ndarray) -> AppearanceMotion:
    ids = tuple(run.ids[row] for row in chosen.nonzero()[0])
    return AppearanceMotion(ids, run.labels[chosen], run.appearance[chosen], run.motion[chosen])


def _parts(runs: Sequence[AppearanceMotion]) -> Parts:
    return Parts(
        clips=min(len(run.ids) for run in runs),
        appearance=_part([(run.ids, run.appearance) for run in runs]),
        motion=_part([(run.ids, run.motion) for run in runs]),
    )


def _part(runs: Sequence[tuple[Sequence[str], np.ndarray]]) -> Part:
    means = [float(values.mean()) for _, values in runs]
    mean = float(np.mean(means))
    return Part(mean, averages.sd(means), bootstrap.interval_of_means(runs))


def write_split(folder: str | os.PathLike, split: AppearanceMotion | None) -> None:
    """Writes the parts of a run next to its predictions; removes an older file if there are none.

    `read_split` returns bit-identical numbers.
    """
    path = Path(folder) / FILE
    if split is None:
        path.unlink(missing_ok=True)
        return
    # 17 significant digits identify every float64.
    numbers = (map("{:.17g}".format, part.tolist()) for part in (split.appearance, split.motion))
    write_table(path, _COLUMNS, zip(split.ids, split.labels, *numbers, strict=True), delimiter="\t")


def read_split(folder: str | os.PathLike) -> AppearanceMotion | None:
    """Reads the parts of a run; None if there is no file.

    Raises:
      UserError: the file is malformed.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None

    table = read_table(path, _COLUMNS, strip=False, delimiter="\t")
    labels = [whole(text) for text in table.column("label")]
    try:
        parts = np.array([table.column(name) for name in ("appearance", "motion")], float)
    except ValueError:
        parts = np.array(np.nan)
    if None in labels or not labels or not np.isfinite(parts).all():
        raise UserError(f"{path} has a row without numbers; evaluate the run again")
    return AppearanceMotion(tuple(table.column("id")), np.array(labels, np.int32), *parts)
