"""Figures that a paper prints, to stand beside ours."""

import dataclasses
from collections.abc import Mapping

import numpy as np

# Explains why the number of seeds behind the paper's HMDB51 figures is in doubt.
SINGLE_RUNS = (
    "The paper's ALBAR figures on HMDB51 look like single runs on sets of 2,560 clips, not like means of 3 seeds: "
    "all 12 SCUBA and SCUFO figures of the rows albar and albar+stillmix in Table 7 are multiples of 1/2560 (by chance "
    "once in 10 million); of the other rows' figures 13 of 48 are, as by chance."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Published:
    """A table of the ALBAR paper: top-1 in percent, according to its text a mean of three seeds.

    Fioresi, Dave, Shah: ALBAR (ICLR 2025), https://arxiv.org/abs/2502.00156

    Attributes:
      table: number of the table, as in "Table 1".
      columns: names of the suite rows in the table, in its order.
      figures: figures by method, named as in the configs (`ce` is plain training), one per column.
      notes: remarks on errors and oddities, by (method, row); "" matches every method, or every
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
        """The figures of one method, by the names of the suite's rows."""
        return dict(zip(self.columns, self.figures[method], strict=True))


def means(table: Published, columns: Mapping[str, tuple[str, ...]]) -> Published:
    """A table whose columns are means of those of another, to a hundredth; a note says so where it is not one figure.

    A note stays with its figure, and goes where that is lost in a mean.
    """
    figures = {}
    for method in table.figures:
        rows = table.rows(method)
        figures[method] = tuple(
            round(float(np.mean([rows[name] for name in names])), 2) for names in columns.values()
        )
    kept = {
        (method, row): note for (method, row), note in table.notes.items() if row in {"", *columns}
    }
    averaged = {
        ("", row): f"{table.table} has no such column: this is the mean of its {len(names)}"
        for row, names in columns.items()
        if len(names) > 1
    }
    return Published(
        table.table, tuple(columns), figures, kept | averaged, table.network, table.remark
    )
