"""Writes the figures of downstream heads as one table: mean and spread over seeds."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.progress import Figures
from albar_jax.downstream.published import PUBLISHED
from albar_jax.evaluation import averages
from albar_jax.report import cells, tables

_TITLES = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "roc_auc_abnormal": "ROC AUC, abnormal videos",
    "map": "mAP",
    "map_211": "mAP, 211 videos",
}
_WHEN = {"last": "last", "best": "best on test"}
# Differences in the paper's table are smaller than 0.1.
_DIGITS = 2


@dataclasses.dataclass(frozen=True)
class TestedHead:
    """The figures of one training of a head.

    Attributes:
      head: name of the head, a key of HEADS.
      name: row of the table; trainings of the same name are averaged over seeds.
      seed: seed of the training; None if it is unknown.
      figures: "last", and "best" if the epochs were tested -> figures in percent.
    """

    head: str
    name: str
    seed: int | None
    figures: dict[str, Figures]


@dataclasses.dataclass(frozen=True)
class HeadTable:
    """The table of one head.

    Attributes:
      head: name of the head.
      header: headings of the columns.
      lines: cells of each line, as text.
      notes: sentences below it.
    """

    head: str
    header: list[str]
    lines: list[list[str]]
    notes: list[str]

    @property
    def title(self) -> str:
        """Returns its heading, such as "UCF-Crime anomaly detection, MGFN"."""
        return f"{HEADS[self.head].task}, {HEADS[self.head].title}"

    def markdown(self) -> str:
        """Returns the table as Markdown."""
        text = tables.markdown_table(self.header, self.lines)
        for note in self.notes:
            text += f"\n{note}\n"
        return text

    def console(self) -> str:
        """Returns the table with aligned columns, for a terminal."""
        text = tables.aligned([self.header, *self.lines])
        for note in self.notes:
            text += f"{note}\n"
        return text


def list_heads(tested: Iterable[TestedHead]) -> list[str]:
    """Returns the heads of trainings in the order of HEADS."""
    present = {each.head for each in tested}
    return [head for head in HEADS if head in present]


def make_table(
    head: str, tested: Sequence[TestedHead], rows: Sequence[str] | None = None
) -> HeadTable:
    """Returns the table of one head, with the paper's figures below.

    Args:
      head: name of the head.
      tested: trainings, also of other heads.
      rows: names of all rows, in order; rows without a training have dashes. None for the rows
        that have one.
    """
    own = [each for each in tested if each.head == head]
    names = dict.fromkeys(each.name for each in own) if rows is None else rows
    columns = _columns(own)

    header = ["Encoder", "Seeds", *(_title(when, name, columns) for when, name in columns)]
    lines = []
    for name in names:
        of_row = [each for each in own if each.name == name]
        line = [name, str(len(of_row)) if of_row else cells.MISSING]
        line += [_cell(of_row, when, figure) for when, figure in columns]
        lines.append(line)

    return HeadTable(head, header, lines + _published(head, columns), list(PUBLISHED[head].notes))


def summarise(tested: Sequence[TestedHead]) -> dict[str, Any]:
    """Returns all figures as JSON content: head -> row -> seeds, means, standard deviations."""
    content: dict[str, Any] = {}
    for head in list_heads(tested):
        own = [each for each in tested if each.head == head]
        content[head] = {}
        for name in dict.fromkeys(each.name for each in own):
            of_row = [each for each in own if each.name == name]
            entry: dict[str, Any] = {"seeds": [each.seed for each in of_row]}
            for when, figure in _columns(of_row):
                per_seed = _per_seed(of_row, when, figure)
                entry.setdefault(when, {})[figure] = {
                    "mean": averages.mean(per_seed),
                    "sd": averages.sd(per_seed),
                    "per_seed": per_seed,
                }
            content[head][name] = entry

    return content


def _columns(tested: Sequence[TestedHead]) -> list[tuple[str, str]]:
    """Returns ("last" or "best", figure) of each column; both of a figure are neighbours."""
    columns = {}
    for each in tested:
        for figures in each.figures.values():
            for figure in figures:
                for when in each.figures:
                    columns[when, figure] = None

    return list(columns)


def _title(when: str, figure: str, columns: Sequence[tuple[str, str]]) -> str:
    title = _TITLES.get(figure, figure.replace("map_", "mAP@"))
    # Without tests of the epochs there is only the last state.
    if len({other for other, _ in columns}) > 1:
        title += f", {_WHEN[when]}"

    return f"{title} ↑"


def _per_seed(tested: Sequence[TestedHead], when: str, figure: str) -> list[float | None]:
    return [each.figures.get(when, {}).get(figure) for each in tested]


def _cell(tested: Sequence[TestedHead], when: str, figure: str) -> str:
    per_seed = _per_seed(tested, when, figure)
    if not per_seed:
        return cells.MISSING

    return cells.mean_and_sd(averages.mean(per_seed), averages.sd(per_seed), digits=_DIGITS)


def _published(head: str, columns: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Returns the lines of the paper, with dashes for figures that it does not have."""
    published = PUBLISHED[head]
    when = "best" if HEADS[head].tests_each_epoch else "last"

    lines = []
    for model, percentage in published.of_model.items():
        line = [f"{model} (paper)", cells.MISSING]
        for column in columns:
            is_its = column == (when, published.figure)
            line.append(f"{percentage:.{_DIGITS}f}" if is_its else cells.MISSING)
        lines.append(line)

    return lines
