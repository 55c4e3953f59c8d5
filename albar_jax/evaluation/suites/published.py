"""Holds the figures that the ALBAR paper prints, to be shown next to ours."""

import dataclasses
from collections.abc import Mapping

import numpy as np

# A remark on the number of seeds behind the paper's HMDB51 figures.
SINGLE_RUNS = (
    "The paper's ALBAR figures on HMDB51 look like single runs on sets of 2,560 clips, not like "
    "means of 3 seeds: all 12 SCUBA and SCUFO figures of the rows albar and albar+stillmix in "
    "Table 7 are multiples of 1/2560 (by chance once in 10 million). In the other rows, 13 of 48 "
    "figures are, as expected by chance."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Published:
    """A table of the ALBAR paper: top-1 in percent, according to its text a mean of three seeds.

    Fioresi, Dave, Shah: ALBAR (ICLR 2025), https://arxiv.org/abs/2502.00156

    Attributes:
      table: number of the table, as in "Table 1".
      columns: names of the suite rows in the table, in its order.
      figures: figures by method, one per column. Methods have their names in the configs; `ce` is
        plain training.
      notes: remarks on errors and oddities, by (method, row). "" matches every method, or every
        row.
      network: name of the trained network.
      remark: a sentence about the whole table.
    """

    table: str
    columns: tuple[str, ...]
    figures: Mapping[str, tuple[float, ...]]
    notes: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    network: str = "Video Swin-T"
    remark: str = ""

    def rows(self, method: str) -> dict[str, float]:
        """Returns the figures of one method by suite row."""
        return dict(zip(self.columns, self.figures[method], strict=True))


def average_columns(table: Published, columns: Mapping[str, tuple[str, ...]]) -> Published:
    """Returns a table whose columns are means of columns of another table.

    A note on a column that is averaged with others is dropped. A new note says which columns are
    means.

    Args:
      table: the other table.
      columns: names of the averaged columns by name of the new column.

    Returns:
      The table, with figures rounded to two decimals.
    """
    figures = {}
    for method in table.figures:
        rows = table.rows(method)
        means = []
        for names in columns.values():
            mean = float(np.mean([rows[name] for name in names]))
            # The paper prints two decimals.
            means.append(round(mean, 2))
        figures[method] = tuple(means)

    # A note on a single figure stays only if the figure is still in the table.
    notes = {}
    for (method, row), note in table.notes.items():
        if row in {"", *columns}:
            notes[method, row] = note
    for row, names in columns.items():
        if len(names) > 1:
            notes["", row] = (
                f"{table.table} has no such column: this is the mean of its {len(names)}"
            )

    return Published(table.table, tuple(columns), figures, notes, table.network, table.remark)
