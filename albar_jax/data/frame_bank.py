"""Stores how a network classifies single frames, and selects a bank of stills by these scores.

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the
Background and the Foreground" (ICCV 2023), mmaction/datasets/blending_utils.py
(`sorted_prop_pred`).
"""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from albar_jax.data import arrays
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.storage import access
from albar_jax.storage.csv_files import write_table


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """The probabilities that a network gives single frames.

    Attributes:
      row: the frame's video, as a row of the manifest, int (n,).
      frame: number of the frame in its video, int (n,).
      p_label: probability of the video's class, float (n,).
      p_max: probability of the most probable class, float (n,).
    """

    row: Int[np.ndarray, " n"]
    frame: Int[np.ndarray, " n"]
    p_label: Float[np.ndarray, " n"]
    p_max: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def top1(self) -> float:
        """Returns the share of frames that the network classifies correctly, 0 to 1."""
        return float((self.p_label >= self.p_max).mean())


_COLUMNS = [field.name for field in dataclasses.fields(Scores)]


def write_scores(path: str | os.PathLike[str], scores: Scores) -> None:
    """Writes scores to an .npz file, atomically."""
    columns = {name: getattr(scores, name) for name in _COLUMNS}
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **columns)


def read_scores(paths: Sequence[str | os.PathLike[str]]) -> Scores:
    """Reads files of scores and concatenates them in this order.

    Raises:
      UserError: a file is damaged.
    """
    parts = [_read_columns(path) for path in paths]
    columns = {}
    for name in _COLUMNS:
        columns[name] = np.concatenate([part[name] for part in parts])

    return Scores(**columns)


def _read_columns(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    try:
        with access.StoredFile(path) as stored:
            columns = arrays.read_npz(stored, _COLUMNS)
        _check_columns(columns)
    except (OSError, ValueError) as error:
        raise UserError(
            f"the scores {path} are damaged ({error}); delete the file, and it is made again"
        ) from error

    return columns


def _check_columns(columns: dict[str, np.ndarray]) -> None:
    """Checks that columns have equal lengths, finite numbers, and frames and rows >= 0.

    Raises:
      ValueError: they have not.
    """
    if len({column.shape for column in columns.values()}) > 1:
        raise ValueError("its columns have different lengths")

    for name, column in columns.items():
        kinds = "iu" if name in ("row", "frame") else "f"
        if column.ndim != 1 or column.dtype.kind not in kinds or not np.isfinite(column).all():
            raise ValueError(
                f"its column {name} has the type {column.dtype} or a number that is not finite"
            )
        if kinds == "iu" and (column < 0).any():
            raise ValueError(f"its column {name} has a negative number")


def choose(scores: Scores, paths: Sequence[str], low: float, high: float) -> Int[np.ndarray, " k"]:
    """Selects the frames between two quantiles of `p_max`.

    Args:
      scores: the scores of all frames.
      paths: path of each row; breaks ties of `p_max`, then the frame number does.
      low: lower quantile, 0 to 1. 0.1 leaves out the tenth of the frames that look least like any
        class.
      high: upper quantile, 0 to 1.

    Returns:
      Indices into `scores`, int (k,), ascending.
    """
    rank_of = {path: rank for rank, path in enumerate(sorted(paths))}
    ranks = np.array([rank_of[path] for path in paths])

    # The last key is the first in rank.
    ascending = np.lexsort((scores.frame, ranks[scores.row], scores.p_max))
    chosen = ascending[int(low * len(scores)) : int(high * len(scores))]

    return np.sort(chosen)


def write_bank(
    out: str | os.PathLike[str], scores: Scores, chosen: Int[np.ndarray, " k"], paths: Sequence[str]
) -> None:
    """Writes the chosen frames as a CSV file `path,frame,p_label,p_max`, atomically.

    Args:
      out: the file to write; its paths are relative to its folder.
      scores: the scores of all frames.
      chosen: indices into `scores`, as from `choose`.
      paths: path of each row.
    """
    folder = pathlib.Path(out).absolute().parent
    names = [_relative(path, folder) for path in paths]

    rows = []
    for index in chosen.tolist():
        p_label = float(scores.p_label[index])
        p_max = float(scores.p_max[index])
        name = names[scores.row[index]]
        rows.append([name, int(scores.frame[index]), f"{p_label:.9g}", f"{p_max:.9g}"])

    write_table(out, ("path", "frame", "p_label", "p_max"), rows)


def _relative(path: str, folder: pathlib.Path) -> str:
    name = os.path.relpath(path, folder)
    if os.pardir not in f"{path}{os.sep}{name}".split(os.sep):
        return name

    # The parent of a linked folder is the parent of its target, so links are resolved first.
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
