"""The table of results as results.json, Markdown and plain text: the same cells everywhere."""

import json
import os
from collections.abc import Sequence

from albar_jax import files
from albar_jax.evaluation import results
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Suite

MISSING = "–"
ARROWS = {"up": "↑", "down": "↓"}


def to_json(suite: Suite, summaries: Sequence[ModelSummary]) -> dict:
    """What results.json holds; every figure is in percent, null where a task is missing."""
    return {"suite": suite.name, "models": [_model(suite, summary) for summary in summaries]}


def _model(suite: Suite, summary: ModelSummary) -> dict:
    return {
        "name": summary.name,
        "seeds": list(summary.seeds),
        "rows": summary.rows,
        "sd": summary.sd,
        "interval": {name: None if ends is None else list(ends) for name, ends in summary.interval.items()},
        "per_seed": [
            {
                "seed": run.seed,
                "checkpoint_step": run.checkpoint_step,
                "train_seconds": run.train_seconds,
                "rows": figures,
                "unpaired": {row: len(clips) for row, clips in results.unpaired(suite, run.predictions).items()},
            }
            for run, figures in zip(summary.runs, summary.per_seed, strict=True)
        ],
        "cost_plain_steps": summary.cost_plain_steps,
    }


def write_json(path: str | os.PathLike, suite: Suite, summaries: Sequence[ModelSummary]) -> None:
    """Writes results.json, atomically."""
    files.write_text(path, json.dumps(to_json(suite, summaries), indent=2, allow_nan=False) + "\n")


def header(suite: Suite) -> list[str]:
    """The headings; the arrow says which way is better."""
    return ["Model", "Seeds", "Cost (plain steps)", *(f"{row.title} {ARROWS[row.goal]}" for row in suite.rows)]


def cells(suite: Suite, summary: ModelSummary) -> list[str]:
    """One line of the table: mean ± sd over seeds in percent, the mean alone for a single seed."""
    cost = MISSING if summary.cost_plain_steps is None else f"{summary.cost_plain_steps:.0f}"
    return [summary.name, str(len(summary.seeds)), cost, *(_figure(summary, row.name) for row in suite.rows)]


def _figure(summary: ModelSummary, name: str) -> str:
    mean, sd = summary.rows[name], summary.sd[name]
    if mean is None:
        return MISSING
    return f"{mean:.1f}" if sd is None else f"{mean:.1f} ± {sd:.1f}"


def markdown(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    """A Markdown table, figures aligned to the right."""
    titles = header(suite)
    lines = [titles, [":--", *["--:"] * (len(titles) - 1)], *(cells(suite, summary) for summary in summaries)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def console(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    """A plain text table for the terminal, columns aligned."""
    lines = [header(suite), *(cells(suite, summary) for summary in summaries)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) + "\n" for line in lines
    )
