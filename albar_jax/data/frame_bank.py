"""What a network says of single frames, and the bank of stills that is chosen by it.

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the Background and the
Foreground" (ICCV 2023), mmaction/datasets/blending_utils.py (`sorted_prop_pred`).
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
    """Row i is frame `frame[i]` of video `row[i]`: the probabilities of the video's class, and of the likeliest."""

    row: Int[np.ndarray, " n"]
    frame: Int[np.ndarray, " n"]
    p_label: Float[np.ndarray, " n"]
    p_max: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def top1(self) -> float:
        """The share of frames that alone tell the action, 0 to 1."""
        return float((self.p_label >= self.p_max).mean())


def write_scores(path: str | os.PathLike[str], scores: Scores) -> None:
    """Writes scores as an .npz, whole or not at all."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(
            file,
            **{field.name: getattr(scores, field.name) for field in dataclasses.fields(Scores)},
        )


def read_scores(paths: Sequence[str | os.PathLike[str]]) -> Scores:
    """Reads scores and joins them in this order; raises UserError for a damaged file."""
    columns = {field.name: [] for field in dataclasses.fields(Scores)}
    for path in paths:
        try:
            with access.StoredFile(path) as stored:
                found = arrays.read_npz(stored, list(columns))
            _check_columns(found)
            for name, parts in columns.items():
                parts.append(found[name])
        except (OSError, ValueError) as error:
            raise UserError(
                f"the scores {path} are damaged ({error}); delete the file, and it is made again"
            ) from error
    return Scores(**{name: np.concatenate(parts) for name, parts in columns.items()})


def _check_columns(found: dict[str, np.ndarray]) -> None:
    """Raises ValueError unless all columns are finite and equally long, and frames and rows are integers >= 0."""
    if len({column.shape for column in found.values()}) > 1:
        raise ValueError("its columns have different lengths")
    for name, column in found.items():
        kinds = "iu" if name in ("row", "frame") else "f"
        if column.ndim != 1 or column.dtype.kind not in kinds or not np.isfinite(column).all():
            raise ValueError(
                f"its column {name} has the type {column.dtype} or a number that is not finite"
            )
        if kinds == "iu" and (column < 0).any():
            raise ValueError(f"its column {name} has a negative number")


def choose(scores: Scores, paths: Sequence[str], low: float, high: float) -> Int[np.ndarray, " k"]:
    """Returns which frames are between the shares `low` and `high` of all, in the order of `scores`.

    They are counted from the frame that looks least like any class (by `p_max`, of equals by path and frame) to the
    one that looks most like one: 0.1 and 1 leave out the tenth that looks least like an action.
    """
    place_of = {path: place for place, path in enumerate(sorted(paths))}
    places = np.array([place_of[path] for path in paths])
    ascending = np.lexsort((scores.frame, places[scores.row], scores.p_max))
    return np.sort(ascending[int(low * len(scores)) : int(high * len(scores))])


def write_bank(
    out: str | os.PathLike[str], scores: Scores, chosen: Int[np.ndarray, " k"], paths: Sequence[str]
) -> None:
    """Writes `path,frame,p_label,p_max` of the chosen frames, whole or not at all; paths are relative to `out`."""
    folder = pathlib.Path(out).absolute().parent
    names = [_relative(path, folder) for path in paths]
    columns = (scores.row, scores.frame, scores.p_label, scores.p_max)
    chosen_rows = zip(*(column[chosen].tolist() for column in columns), strict=True)
    write_table(
        out,
        ("path", "frame", "p_label", "p_max"),
        (
            [names[row], frame, f"{p_label:.9g}", f"{p_max:.9g}"]
            for row, frame, p_label, p_max in chosen_rows
        ),
    )


def _relative(path: str, folder: pathlib.Path) -> str:
    name = os.path.relpath(path, folder)
    if os.pardir not in f"{path}{os.sep}{name}".split(os.sep):
        return name
    # The way up from a folder begins where it really is, and not where a link to it is.
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
