"""Shows what a study adds to its table: its seeds, paired differences, the order of the models."""

import dataclasses
from collections.abc import Mapping, Sequence

from albar_jax.evaluation.paired_differences import PairedDifference
from albar_jax.evaluation.results import Results
from albar_jax.report import cells, tables
from albar_jax.terminal.escapes import markdown_text

# What the table of differences shows.
MEANING = (
    "Differences are to the reference row on the same seeds and videos, in percentage points, with "
    "the 95 % interval of a bootstrap over training seeds and, within a seed, over videos."
)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The seeds, differences and orders that a study adds to its table.

    Attributes:
      seeds: what the training seeds are for, in a few words.
      caution: the sentence on what the figures may be used for.
      reference_of: for each row, the name of the row that it is compared with.
      differences: paired differences of all pairs of models.
      order: rank correlation with the paper's figures by row; None if it is not defined. Empty if
        the paper has no such table.
      remarks: further sentences, such as about uncommitted code.
    """

    seeds: str
    caution: str
    reference_of: Mapping[str, str]
    differences: Sequence[PairedDifference]
    order: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    remarks: Sequence[str] = ()

    def order_text(self, title_of: Mapping[str, str]) -> str:
        """Returns the rank correlations as a sentence.

        Args:
          title_of: titles of the rows.
        """
        parts = []
        for row, correlation in self.order.items():
            parts.append(f"{title_of.get(row, row)} {correlation_text(correlation)}")
        return (
            f"Spearman's rank correlation of the rows with the paper's: {', '.join(parts)}. 1 is "
            "the same order, 0 no relation, −1 the opposite order."
        )


def correlation_text(correlation: float | None) -> str:
    """Formats a rank correlation, `+0.93`; a dash if it is not defined."""
    if correlation is None:
        return cells.MISSING
    # The sum with 0.0 turns -0.0 into 0.0.
    return f"{round(correlation, 2) + 0.0:+.2f}".replace("-", cells.MINUS)


def points_text(points: float) -> str:
    """Formats a difference in percentage points, `+12.3`."""
    return f"{round(points, 1) + 0.0:+.1f}".replace("-", cells.MINUS)


def with_interval(difference: PairedDifference) -> str:
    """Formats a difference with its interval, `+12.3 [+4.5, +20.1]`."""
    low, high = difference.interval
    return f"{points_text(difference.value)} [{points_text(low)}, {points_text(high)}]"


def difference_table(
    evidence: Evidence, results: Results
) -> tuple[list[str], list[list[str]]] | None:
    """Returns header and lines of the differences to the reference rows.

    Returns:
      A line for each row that is compared with another, and a column for each row of the suite;
      None without a difference.
    """
    found = {}
    for difference in evidence.differences:
        for one in (difference, difference.reversed()):
            found[one.first, one.second, one.row] = with_interval(one)

    header = ["Difference in points"]
    for row in results.suite.rows:
        header.append(f"{row.title} {cells.ARROWS[row.goal]}")
    lines = []
    for name in results.names:
        reference = evidence.reference_of.get(name, name)
        line = [f"{name} {cells.MINUS} {reference}"]
        for row in results.suite.rows:
            line.append(found.get((name, reference, row.name), cells.MISSING))
        # A row without a common seed has dashes only. A reference row is not compared.
        if set(line[1:]) != {cells.MISSING}:
            lines.append(line)
    return (header, lines) if lines else None


def markdown(evidence: Evidence, results: Results) -> str:
    """Returns the differences and the rank correlations as Markdown; "" if there are none."""
    text = ""
    table = difference_table(evidence, results)
    if table is not None:
        text += f"\n{tables.markdown_table(*table)}\n{markdown_text(MEANING)}\n"
    for remark in evidence.remarks:
        text += f"\n{markdown_text(remark)}\n"
    if evidence.order:
        text += f"\n{markdown_text(evidence.order_text(results.suite.title_of))}\n"
    return text
