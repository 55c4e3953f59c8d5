"""Writes the three files of an evaluation: results.json, results.md and page.html.

Contents of results.json; figures are in percent, null if unknown:

  suite, published, by_background    the benchmark, the paper's figures, and a row for each background: see `tables`
  models        a list, one object for each model:
    name, seeds, rows, sd, interval, clips, per_seed, cost_plain_steps    the rows of the suite, see `tables`;
                  `clips` is {row: {`tested`, `left_out`}}, numbers of clips or pairs of clips; left out are
                  clips that are unreadable or lack a prediction or a partner
    figures       {key: mean over seeds} of all that `analyses.figures` lists, where each is explained:
                  confidence/<row>, entropy/<row>       how sure the answers of a row are
                  consistency/copies, /sets, /original, /always_right    the same answer on other backgrounds
                  mistakes/of_the_still, /of_the_foreground              where mistakes come from
                  reversed/stay_right, /same_answer; shuffled/...        when the frames run in another order
    figures_sd    {key: standard deviation over seeds}
    classes       a list, one object for each class: `class`, `clips`, `left_out`, each row of the suite by its name,
                  `background` (IID less SCUBA) and `conflict` (SCUBA less Confl-FG on the same background)
  notes         sentences about clips left out and classes without a clip
  comparisons   a list, one object for each pair of models: `first`, `second`, and `rows`, {row: null
                or {`difference` (first minus second), `p_value` (of this pair alone), `p_adjusted` (Holm
                over all pairs of the row; decides marks and headline), `seeds_count` (whether the p-values
                include the spread over training seeds), `videos` (number on which the two differ),
                `exact`, `unpaired`}}
  comparison_test    description of the test
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from albar_jax import files
from albar_jax.evaluation.analyses import Comparison, ModelAnalysis
from albar_jax.report import html_page, page_tables, tables
from albar_jax.report.html_page import ReportData
from albar_jax.terminal.escapes import markdown_text


def write(out: str | os.PathLike, data: ReportData) -> None:
    """Writes the three files into the folder `out`, each atomically."""
    files.write_text(
        Path(out) / "results.json", json.dumps(to_json(data), indent=2, allow_nan=False) + "\n"
    )
    files.write_text(Path(out) / "results.md", markdown(data))
    html_page.write(Path(out) / "report.html", data)


def to_json(data: ReportData) -> dict:
    """What results.json holds."""
    content = tables.to_json(data.suite, data.summaries)
    for model, analysis in zip(content["models"], data.analysis.models, strict=True):
        model |= {
            "figures": analysis.figures,
            "figures_sd": analysis.sd,
            "classes": _classes(data, analysis),
        }
    comparisons = [_comparison(pair) for pair in data.analysis.comparisons]
    return content | {
        "notes": data.notes,
        "comparisons": comparisons,
        "comparison_test": data.analysis.test,
    }


def _classes(data: ReportData, analysis: ModelAnalysis) -> list[dict]:
    bias = analysis.classes
    columns = {**bias.rows, "background": bias.background, "conflict": bias.conflict}
    return [
        {"class": name, "clips": int(bias.clips[label]), "left_out": int(bias.left_out[label])}
        | {key: _number(column, label) for key, column in columns.items()}
        for label, name in enumerate(data.classes)
    ]


def _number(column: np.ndarray | None, label: int) -> float | None:
    return None if column is None or np.isnan(column[label]) else float(column[label])


def _comparison(pair: Comparison) -> dict:
    rows = {
        name: None
        if found is None
        else {
            "difference": 100 * found.value,
            "p_value": found.p_value,
            "p_adjusted": found.p_adjusted,
            "seeds_count": found.seeds_count,
            "videos": found.videos,
            "exact": found.exact,
            "unpaired": found.unpaired,
        }
        for name, found in pair.rows.items()
    }
    return {"first": pair.first, "second": pair.second, "rows": rows}


def markdown(data: ReportData) -> str:
    """The tables of the page as Markdown: the rows of the suite first, each class only on the page."""
    parts = [tables.markdown(data.suite, data.summaries)]
    sentences = [*data.notes, *tables.unpaired(data.suite, data.summaries)]
    parts += [f"{markdown_text(sentence)}\n" for sentence in sentences]
    analysis, names = data.analysis, [summary.name for summary in data.summaries]
    lines = [
        [
            figure.title + (f" {tables.ARROWS[figure.goal]}" if figure.goal else ""),
            *_figures(data, figure.name),
        ]
        for figure in analysis.figures
    ]
    parts.append("Beyond the paper:\n\n" + _table(["Figure", *names], lines))
    if analysis.comparisons:
        header = ["First − second (points, p)", *(row.title for row in data.suite.rows)]
        lines = [
            [
                f"{pair.first} − {pair.second}",
                *(page_tables.difference(pair.rows[row.name]) for row in data.suite.rows),
            ]
            for pair in analysis.comparisons
        ]
        parts.append(
            f"Differences, {analysis.test}. A difference is clear where p < {page_tables.SIGNIFICANT}:\n\n"
            f"{_table(header, lines)}"
        )
    return "\n".join(parts)


def _figures(data: ReportData, name: str) -> list[str]:
    return [
        page_tables.figure(model.figures[name], model.sd[name]) for model in data.analysis.models
    ]


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = [":--", *["--:"] * (len(header) - 1)]
    return "".join(
        f"| {' | '.join(map(markdown_text, line))} |\n" for line in (header, rule, *lines)
    )
