"""Formats the table of `albar attribute`: the shares of appearance and motion in each answer."""

import dataclasses
import os
from collections.abc import Sequence

from albar_jax.report.cells import MINUS, MISSING
from albar_jax.storage.csv_files import write_table

HEADER = (
    "Clip",
    "Label",
    "Model",
    "Answer",
    "Explained",
    "Appearance",
    "Motion",
    "Completeness error",
)


@dataclasses.dataclass(frozen=True)
class AttributionRow:
    """The explanation of one model's answer for one clip.

    Attributes:
      clip: id of the clip.
      label: name of its class.
      model: name of the model.
      seed: seed of its training.
      answer: class that the model predicts.
      probability: its probability, 0 to 1.
      explained: class whose score is explained.
      appearance: what the static clip adds to the score of a black clip; None for a single frame.
      motion: what the moving clip adds to the score of the static clip; None for a single frame.
      completeness_error: largest relative completeness error of the maps; None if they are exact.
    """

    clip: str
    label: str
    model: str
    seed: int
    answer: str
    probability: float
    explained: str
    appearance: float | None
    motion: float | None
    completeness_error: float | None


def table_lines(rows: Sequence[AttributionRow]) -> list[list[str]]:
    """Returns header and lines of the table, as text."""
    lines: list[list[str]] = [[*HEADER]]
    for row in rows:
        error = MISSING
        if row.completeness_error is not None:
            # The sum with 0.0 turns -0.0 into 0.0.
            error = _with_minus(f"{round(row.completeness_error, 3) + 0.0:+.1%}")
        lines.append(
            [
                row.clip,
                row.label,
                f"{row.model}, seed {row.seed}",
                f"{row.answer} {row.probability:.0%}",
                row.explained,
                signed(row.appearance),
                signed(row.motion),
                error,
            ]
        )
    return lines


def signed(value: float | None) -> str:
    """Formats a part of a score with its sign; a dash for None."""
    if value is None:
        return MISSING
    return _with_minus(f"{round(value, 2) + 0.0:+.2f}")


def _with_minus(text: str) -> str:
    return text.replace("-", MINUS)


def write_csv(path: str | os.PathLike, rows: Sequence[AttributionRow]) -> None:
    """Writes the rows as CSV with six significant digits, atomically; "" is unknown."""
    names = [field.name for field in dataclasses.fields(AttributionRow)]
    write_table(path, names, (list(map(_cell, dataclasses.astuple(row))) for row in rows))


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
