"""Reads the results.json of a study that has been written."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError
from albar_jax.schema import fields
from albar_jax.storage import json_files

_REMEDY = "; write the table again, with albar study --table"
# Mean and standard deviation; None if unknown.
_Figure = tuple[float | None, float | None]


@dataclasses.dataclass(frozen=True)
class WrittenTable:
    """The table of a study.

    Attributes:
      path: its results.json.
      goals: "up" or "down" by column.
      titles: titles of the columns.
      figures: mean and standard deviation by row and column.
      costs: cost in plain steps by row; None if unknown.
      differences: (first - second, low, high) in points, by (column, first row, second row).
      order: rank correlation with the paper by column; None if it is not defined.
      seeds: the training seeds.
      seeds_of: the training seeds of each row.
      purpose: what the seeds are for, "choices" or "reports".
      commits: commits that trained the runs.
    """

    path: Path
    goals: dict[str, str]
    titles: dict[str, str]
    figures: dict[str, dict[str, _Figure]]
    costs: dict[str, float | None]
    differences: dict[tuple[str, str, str], tuple[float, float, float]]
    order: dict[str, float | None]
    seeds: list[int]
    seeds_of: dict[str, list[int]]
    purpose: str
    commits: list[str]

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.path.absolute().parent.name

    @property
    def seeds_text(self) -> str:
        """The seeds and their purpose, such as "10, 11 (reports)"."""
        return f"{listed(self.seeds)} ({self.purpose})"

    def title_of(self, column: str) -> str:
        """Returns the title of a column; its name if it is not known."""
        return self.titles.get(column, column)

    def is_up(self, column: str) -> bool:
        """Returns whether higher is better; raises UserError if there is no such column."""
        if column not in self.goals:
            known = ", ".join(self.goals)
            raise UserError(f"{self.path} has no column {column!r}; its columns are {known}")
        return self.goals[column] == "up"

    def figure(self, row: str, column: str) -> _Figure:
        """Returns mean and standard deviation; raises UserError if there is no such row."""
        if row not in self.figures:
            known = ", ".join(self.figures)
            raise UserError(f"{self.path} has no row {row!r}; its rows are {known}")
        return self.figures[row].get(column, (None, None))

    def cost(self, row: str) -> float | None:
        """Returns the cost of a row in plain steps; None if it is unknown."""
        return self.costs.get(row)

    def difference(self, rows: tuple[str, str], column: str) -> tuple[float, float, float] | None:
        """Returns the paired difference of two rows with its interval; None if it is unknown."""
        first, second = rows
        # Each pair is stored once, in the order of the rows.
        if (column, second, first) in self.differences:
            value, low, high = self.differences[column, second, first]
            return -value, -high, -low
        return self.differences.get((column, first, second))


def listed(seeds: Sequence[int]) -> str:
    """Returns seeds as text, `10, 11`."""
    return ", ".join(map(str, seeds))


def read(folder: str) -> WrittenTable:
    """Reads the table of a study.

    Args:
      folder: the folder of the table, or its results.json.

    Raises:
      UserError: the folder has no table, or it is damaged or of an older version.
    """
    path = Path(folder)
    if path.name != "results.json":
        path = path / "results.json"
    if not path.exists():
        raise UserError(f"{path} does not exist; name the folder of a table of albar study")

    # The file may come from an older version, or from another program.
    content = json_files.read_object(path, remedy=_REMEDY)
    try:
        return _parse(path, content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not the table of a study of this version{_REMEDY}") from error


def _parse(path: Path, content: dict[str, Any]) -> WrittenTable:
    figures: dict[str, dict[str, _Figure]] = {}
    costs = {}
    seeds_of = {}
    for model in content["models"]:
        seeds_of[model["name"]] = list(map(int, model["seeds"]))
        costs[model["name"]] = _number(model["cost_plain_steps"])
        figures[model["name"]] = {
            column: (_number(mean), _number(model["sd"][column]))
            for column, mean in model["rows"].items()
        }

    study = content["study"]
    differences = {}
    for pair in study["differences"]:
        low, high = pair["interval"]
        key = (pair["row"], pair["first"], pair["second"])
        differences[key] = tuple(map(float, (pair["difference"], low, high)))

    order = {column: _number(value) for column, value in study["rank_correlation"].items()}
    return WrittenTable(
        path,
        goals=dict(study["goals"]),
        titles=dict(study["titles"]),
        figures=figures,
        costs=costs,
        differences=differences,
        order=order,
        seeds=list(map(int, study["seeds"])),
        seeds_of=seeds_of,
        purpose=str(study["purpose"]),
        commits=list(map(str, study["trained_at"])),
    )


def _number(value: Any) -> float | None:
    return fields.check(float | None, value, "a figure")
