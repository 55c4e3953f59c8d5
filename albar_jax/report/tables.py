"""The table of results as results.json, Markdown and plain text, with what the paper prints beneath ours."""

import functools
from collections.abc import Sequence
from typing import Any

from albar_jax.evaluation import results, views
from albar_jax.evaluation.counts import Count, count, count_over_seeds
from albar_jax.evaluation.results import ModelRun, ModelSummary
from albar_jax.evaluation.suites import Published, Row, Suite
from albar_jax.terminal.escapes import markdown_text, printable

MISSING = "–"
ARROWS = {"up": "↑", "down": "↓"}
_NOTED = "†"
# Number of seeds of every figure in the paper's tables, according to its text.
_SEEDS = "3"


def to_json(suite: Suite, summaries: Sequence[ModelSummary]) -> dict[str, Any]:
    """What results.json holds; every figure is in percent, null where a task is missing."""
    parts = by_background(suite, summaries)
    return {
        "suite": suite.name,
        **_content(suite, summaries),
        "by_background": None if parts is None else _content(*parts),
    }


def _content(suite: Suite, summaries: Sequence[ModelSummary]) -> dict[str, Any]:
    published = None if suite.published is None else _published(suite.published)
    return {"models": [_model(suite, summary) for summary in summaries], "published": published}


def _model(suite: Suite, summary: ModelSummary) -> dict[str, Any]:
    return {
        "name": summary.name,
        "seeds": list(summary.seeds),
        "rows": summary.rows,
        "sd": summary.sd,
        "clips": {row.name: _count(count_over_seeds(row, summary)) for row in suite.rows},
        "interval": {
            name: None if ends is None else list(ends) for name, ends in summary.interval.items()
        },
        "per_seed": [
            {
                "seed": run.seed,
                "checkpoint_step": run.checkpoint_step,
                "train_seconds": run.train_seconds,
                "views": views.of_run(run),
                "rows": figures,
                "clips": {row.name: _count(count(row, run.predictions)) for row in suite.rows},
                "left_out": {task: len(found.left_out) for task, found in run.predictions.items()},
                "unpaired": {
                    row: len(clips)
                    for row, clips in results.unpaired(suite, run.predictions).items()
                },
            }
            for run, figures in zip(summary.runs, summary.per_seed, strict=True)
        ],
        "cost_plain_steps": summary.cost_plain_steps,
    }


def _count(found: Count | None) -> dict[str, int] | None:
    return None if found is None else {"tested": found.tested, "left_out": found.left_out}


def _published(published: Published) -> dict[str, Any]:
    return {
        "table": published.table,
        "models": [
            {"name": method, "rows": published.rows(method)} for method in published.figures
        ],
        "remark": published.remark,
        "notes": [
            {"name": method, "row": row, "note": note}
            for (method, row), note in published.notes.items()
        ],
    }


def by_background(
    suite: Suite, summaries: Sequence[ModelSummary]
) -> tuple[Suite, tuple[ModelSummary, ...]] | None:
    """The suite's aux_input with the same models; None if it has none, or has nothing to add to the means."""
    if suite.by_background is None:
        return None
    parts = _summarise(
        suite.by_background, tuple(run for summary in summaries for run in summary.runs)
    )
    added = {row.name for row in suite.by_background.rows} - {row.name for row in suite.rows}
    measured = any(summary.rows[name] is not None for summary in parts for name in added)
    return (suite.by_background, parts) if measured else None


# Every form of the table asks for it, and the intervals of a large test set take seconds.
@functools.lru_cache(maxsize=1)
def _summarise(suite: Suite, runs: tuple[ModelRun, ...]) -> tuple[ModelSummary, ...]:
    return results.summarise(suite, runs)


def unpaired(suite: Suite, summaries: Sequence[ModelSummary]) -> list[str]:
    """Sentences on the clips that do not count for want of a partner; of each background alone where there is such."""
    parts = suite.by_background or suite
    means = set() if parts is suite else {row.name for row in suite.rows}
    title = {row.name: row.title for row in parts.rows if row.name not in means}
    runs = [run for summary in summaries for run in summary.runs]
    models: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for run in runs:
        for row, clips in results.unpaired(parts, run.predictions).items():
            if row in title:
                models.setdefault((title[row], clips), []).append(f"{run.name}, seed {run.seed}")
    return [
        f"{row}: {len(clips)} clips without a partner of their id do not count, {clips[0]} first "
        f"({'all models' if len(names) == len(runs) else '; '.join(names)})."
        for (row, clips), names in models.items()
    ]


def header(suite: Suite) -> list[str]:
    """The headings; the arrow says which way is better."""
    return [
        "Model",
        "Seeds",
        "Cost (plain steps)",
        *(f"{row.title} {ARROWS[row.goal]}" for row in suite.rows),
    ]


def cells(suite: Suite, summary: ModelSummary) -> list[str]:
    """One line of the table: mean ± sd over seeds in percent, the mean alone for a single seed."""
    cost = MISSING if summary.cost_plain_steps is None else f"{summary.cost_plain_steps:.0f}"
    return [
        summary.name,
        str(len(summary.seeds)),
        cost,
        *(_figure(summary, row) for row in suite.rows),
    ]


def _figure(summary: ModelSummary, row: Row) -> str:
    mean, sd, found = summary.rows[row.name], summary.sd[row.name], count_over_seeds(row, summary)
    if mean is None:
        return MISSING
    figure = f"{mean:.1f}" if sd is None else f"{mean:.1f} ± {sd:.1f}"
    return f"{figure} ({found.text})" if found is not None and found.left_out else figure


def clip_lines(suite: Suite, summaries: Sequence[ModelSummary]) -> list[list[str]]:
    """Returns table lines with the clip counts: one line, or one for each model if they differ."""
    counted = {
        summary.name: [clips_of(row, summary) for row in suite.rows]
        for summary in summaries
        if summary.runs
    }
    if len({*map(tuple, counted.values())}) == 1:
        return [["Clips tested", "", "", *next(iter(counted.values()))]]
    return [[f"Clips tested, {name}", "", "", *counts] for name, counts in counted.items()]


def clips_of(row: Row, summary: ModelSummary) -> str:
    """Formats the clip count of a row: `4`, `1 of 4` if clips are left out, or a dash."""
    found = count_over_seeds(row, summary)
    return MISSING if found is None else found.text


def published_cells(suite: Suite) -> list[list[str]]:
    """The lines of the paper's table in the columns of ours, with the digits that it prints; none without one."""
    return (
        [_published_line(suite, method) for method in suite.published.figures]
        if suite.published
        else []
    )


def _published_line(suite: Suite, method: str) -> list[str]:
    name = f"{method} (paper){_mark(suite.published, method, '')}"
    return [
        name,
        _SEEDS,
        MISSING,
        *(_printed(suite.published, method, row.name) for row in suite.rows),
    ]


def _printed(published: Published, method: str, row: str) -> str:
    figure = published.rows(method).get(row)
    return MISSING if figure is None else f"{figure:.2f}{_mark(published, method, row)}"


def _mark(published: Published, method: str, row: str) -> str:
    return _NOTED if (method, row) in published.notes or ("", row) in published.notes else ""


def notes(suite: Suite) -> list[str]:
    """Sentences to go under the table: where the paper's lines are from, and what is wrong with some of them."""
    return _notes(suite, list(suite.published.figures) if suite.published else [])


def _notes(suite: Suite, methods: Sequence[str]) -> list[str]:
    published = suite.published
    if published is None or not methods:
        return []
    title = {row.name: row.title for row in suite.rows}
    origin = f"(paper): {published.table} of ALBAR (ICLR 2025), {published.network}, reported as the mean of {_SEEDS} seeds."
    remark = (
        [published.remark]
        if published.remark and any("albar" in name for name in published.figures)
        else []
    )
    return [origin, *remark] + [
        f"{_NOTED} {', '.join(filter(None, (method, title.get(row))))}: {note}."
        for (method, row), note in published.notes.items()
        if method in ("", *methods)
    ]


def markdown(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    """Markdown tables, figures aligned to the right: the benchmark, and the same by background."""
    text = _markdown(suite, summaries)
    parts = by_background(suite, summaries)
    return text if parts is None else f"{text}\n{parts[0].title}:\n\n{_markdown(*parts)}"


def _markdown(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    titles = header(suite)
    lines = [titles, [":--", *["--:"] * (len(titles) - 1)], *_lines(suite, summaries)]
    table = "".join(f"| {' | '.join(map(markdown_text, line))} |\n" for line in lines)
    return table + "".join(
        f"\n{markdown_text(note)}\n" for note in (*views_note(summaries), *notes(suite))
    )


def views_note(summaries: Sequence[ModelSummary]) -> list[str]:
    """Returns the sentence on the averaged views, or none without a model."""
    return [sentence] if (sentence := views.sentence(summaries)) else []


def _lines(suite: Suite, summaries: Sequence[ModelSummary]) -> list[list[str]]:
    return [
        *(cells(suite, summary) for summary in summaries),
        *clip_lines(suite, summaries),
        *published_cells(suite),
    ]


def console(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    """Plain text tables for the terminal, columns aligned; by background, a model is a column, to fit in its width."""
    table = _aligned([header(suite), *_lines(suite, summaries)])
    text = table + "".join(
        f"{printable(note)}\n" for note in (*views_note(summaries), *notes(suite))
    )
    parts = by_background(suite, summaries)
    return text if parts is None else f"{text}\n{_turned(*parts)}"


def _turned(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    """Our models, then the paper's of the same names; figures that none of ours has are left out."""
    ours = [cells(suite, summary) for summary in summaries]
    names = [summary.name for summary in summaries]
    methods = (
        [method for method in suite.published.figures if method in names] if suite.published else []
    )
    theirs = [_published_line(suite, method) for method in methods]
    models, _, _, *figures = zip(header(suite), *ours, *theirs, strict=True)
    shown = [line for line in figures if set(line[1 : 1 + len(ours)]) != {MISSING}]
    table = _aligned(
        [("By background", *models[1:]), *shown, *_turned_counts(suite, summaries, len(theirs))]
    )
    return table + "".join(
        f"{printable(note)}\n" for note in (*views_note(summaries), *_notes(suite, methods))
    )


def _turned_counts(suite: Suite, summaries: Sequence[ModelSummary], others: int) -> list[list[str]]:
    counted = [[clips_of(row, summary) for summary in summaries] for row in suite.rows]
    return [
        [f"Clips, {row.title}", *counts, *[""] * others]
        for row, counts in zip(suite.rows, counted, strict=True)
        if any(" of " in text for text in counts)
    ]


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) + "\n"
        for line in ruled
    )
