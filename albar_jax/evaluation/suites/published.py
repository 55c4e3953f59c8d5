"""Figures that a paper prints, to stand beside ours."""

import dataclasses
from collections.abc import Mapping

import numpy as np

# Why the number of seeds of the paper's own rows on HMDB51 is in doubt.
SINGLE_RUNS = (
    "The paper's ALBAR figures on HMDB51 look like single runs on sets of 2,560 clips, not like means of 3 seeds: "
    "all 12 SCUBA and SCUFO figures of the rows albar and albar+stillmix in Table 7 are multiples of 1/2560 (by chance "
    "once in 10 million); of the other rows' figures 13 of 48 are, as by chance."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Published:
    """A table of the ALBAR paper: top-1 in percent, by its text the mean of three training seeds.

    Fioresi, Dave, Shah: ALBAR (ICLR 2025), https://arxiv.org/abs/2502.00156

    Attributes:
      table: its number, "Table 1".
      columns: the names of the rows of the suite that it has, in its order.
      figures: for each method, named as the configs name it (`ce` is plain training), the figure of each column.
      notes: what is wrong or unusual in it, by (method, row); "" stands for every method, or every row.
      network: what was trained.
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
        figures[method] = tuple(round(float(np.mean([rows[name] for name in names])), 2) for names in columns.values())
    kept = {(method, row): note for (method, row), note in table.notes.items() if row in {"", *columns}}
    averaged = {
        ("", row): f"{table.table} has no such column: this is the mean of its {len(names)}"
        for row, names in columns.items()
        if len(names) > 1
    }
    return Published(table.table, tuple(columns), figures, kept | averaged, table.network, table.remark)
