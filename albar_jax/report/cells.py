"""Formats the figures of a results table as text cells and notes, for all output formats."""

from collections.abc import Sequence

from albar_jax.evaluation import views
from albar_jax.evaluation.counts import count_clips_over_seeds, name_runs
from albar_jax.evaluation.results import ModelSummary, Results, unpaired_clips
from albar_jax.evaluation.suites import Published, Row, Suite
from albar_jax.report import cost_cells

MISSING = "–"
MINUS = "\u2212"
ARROWS = {"up": "↑", "down": "↓"}
# Marks a published figure that has a note.
_NOTED = "†"
# Number of seeds of every figure in the paper's tables, according to its text.
_SEEDS = "3"


def mean_and_sd(mean: float | None, sd: float | None, *, digits: int = 1) -> str:
    """Formats `mean ± sd` over seeds; the mean alone for a single seed, a dash without a mean."""
    if mean is None:
        return MISSING
    if sd is None:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def header(suite: Suite) -> list[str]:
    """Returns the headings of the columns. An arrow shows whether higher or lower is better."""
    titles = ["Model", "Seeds", "Cost (plain steps)"]
    for row in suite.rows:
        titles.append(f"{row.title} {ARROWS[row.goal]}")
    return titles


def model_line(suite: Suite, summary: ModelSummary) -> list[str]:
    """Returns the line of one model: its figures in percent, with counts if clips are left out."""
    line = [summary.name, str(len(summary.seeds)), cost_cells.cost_text(summary, MISSING)]
    for row in suite.rows:
        line.append(_figure(row, summary))

    return line


def _figure(row: Row, summary: ModelSummary) -> str:
    text = mean_and_sd(summary.mean[row.name], summary.sd[row.name])
    count = count_clips_over_seeds(row, summary)
    # A figure over some of the clips shows their number.
    if text != MISSING and count is not None and count.left_out:
        return f"{text} ({count.text})"
    return text


def clip_lines(results: Results) -> list[list[str]]:
    """Returns the lines with the clip counts: one line, or one for each model if they differ."""
    counts_of = {}
    for summary in results.summaries:
        if summary.runs:
            counts_of[summary.name] = [clips_of(row, summary) for row in results.suite.rows]

    # The two empty cells are the columns of seeds and cost.
    if len(set(map(tuple, counts_of.values()))) == 1:
        return [["Clips tested", "", "", *next(iter(counts_of.values()))]]
    lines = []
    for name, counts in counts_of.items():
        lines.append([f"Clips tested, {name}", "", "", *counts])

    return lines


def clips_of(row: Row, summary: ModelSummary) -> str:
    """Formats the clip count of a row: `4`, `1 of 4` if clips are left out, or a dash."""
    count = count_clips_over_seeds(row, summary)
    if count is None:
        return MISSING
    return count.text


def published_methods(suite: Suite) -> list[str]:
    """Returns the methods in the paper's table; none without a table."""
    if suite.published is None:
        return []
    return list(suite.published.figures)


def published_lines(suite: Suite, methods: Sequence[str]) -> list[list[str]]:
    """Returns the lines of the paper's table for some methods, with the printed digits."""
    published = suite.published
    if published is None:
        return []

    lines = []
    for method in methods:
        # The paper has no costs; its figures keep their digits.
        line = [f"{method} (paper){_mark(published, method, '')}", _SEEDS, MISSING]
        for row in suite.rows:
            line.append(_printed(published, method, row.name))
        lines.append(line)
    return lines


def _printed(published: Published, method: str, row: str) -> str:
    figure = published.rows(method).get(row)
    if figure is None:
        return MISSING
    return f"{figure:.2f}{_mark(published, method, row)}"


def _mark(published: Published, method: str, row: str) -> str:
    if (method, row) in published.notes or ("", row) in published.notes:
        return _NOTED
    return ""


def lines_of(results: Results) -> list[list[str]]:
    """Returns all lines below the header: our models, clip counts, and the paper's models."""
    suite = results.suite
    lines = []
    for summary in results.summaries:
        lines.append(model_line(suite, summary))
    lines += clip_lines(results)
    lines += published_lines(suite, published_methods(suite))
    return lines


def table_of(results: Results) -> list[list[str]]:
    """Returns the header and all lines, without columns that say nothing.

    Seeds are shown if a model has several, or if the paper's models are shown. The cost is shown if
    it is known for a model.
    """
    hidden = set()
    if not has_seeds(results):
        hidden.add(1)
    if not cost_cells.is_known(results):
        hidden.add(2)

    table = []
    for line in (header(results.suite), *lines_of(results)):
        table.append([cell for place, cell in enumerate(line) if place not in hidden])
    return table


def has_seeds(results: Results) -> bool:
    """Returns whether a number of seeds is not 1."""
    several = any(len(summary.runs) != 1 for summary in results.summaries)
    return several or bool(published_methods(results.suite))


def notes_below(results: Results, methods: Sequence[str] | None = None) -> list[str]:
    """Returns the sentences below a table: the averaged views, and notes on the paper's figures.

    Args:
      results: the results of the table.
      methods: the paper's methods in the table; by default all.
    """
    if methods is None:
        methods = published_methods(results.suite)

    notes = []
    sentence = views.describe_views(results)
    if sentence:
        notes.append(sentence)
    notes += cost_cells.cost_notes(results)
    return notes + _published_notes(results.suite, methods)


def _published_notes(suite: Suite, methods: Sequence[str]) -> list[str]:
    """Returns the origin of the paper's figures, and the notes on some of them."""
    published = suite.published
    if published is None or not methods:
        return []

    notes = [
        f"(paper): {published.table} of ALBAR (ICLR 2025), {published.network}, reported as the "
        f"mean of {_SEEDS} seeds."
    ]
    # The remark is about the rows of ALBAR.
    if published.remark and any("albar" in name for name in published.figures):
        notes.append(published.remark)

    # "" means all methods or all rows, which need no name.
    for (method, row), note in published.notes.items():
        if method in ("", *methods):
            place = ", ".join(filter(None, (method, suite.title_of.get(row))))
            notes.append(f"{_NOTED} {place}: {note}.")

    return notes


def unpaired_notes(results: Results) -> list[str]:
    """Returns sentences about clips without a partner.

    If the suite has rows for each background, the sentences are about these and not about means.
    """
    suite = results.suite.by_background or results.suite
    title_of = suite.title_of
    if suite is not results.suite:
        for name in results.suite.title_of:
            title_of.pop(name, None)

    # Runs with the same clips share a sentence.
    labels_of: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for run in results.runs:
        for row, clips in unpaired_clips(suite, run.predictions).items():
            if row in title_of:
                labels_of.setdefault((title_of[row], clips), []).append(run.label)

    notes = []
    for (title, clips), labels in labels_of.items():
        notes.append(
            f"{title}: {len(clips)} clips without a partner of their id do not count, {clips[0]} "
            f"first ({name_runs(labels, results)})."
        )

    return notes
