"""Writes the three files of an evaluation: results.json, results.md and report.html.

Content of results.json. Figures are in percent, null if unknown:

  suite         name of the benchmark
  published     the paper's figures, with notes; null if there are none
  by_background the tables `models` and `published` with one row for each background, or null
  models        a list, one object for each model:
    name, seeds
    rows        {row of the suite: mean over seeds}
    sd          {row: standard deviation over seeds}
    interval    {row: [low, high]}, bootstrap 95 % interval over test videos
    clips       {row: {`tested`, `left_out`}}, numbers of clips or pairs of clips. A left-out clip
                is unreadable or lacks a prediction or a partner.
    per_seed    a list, one object for each run
    cost_plain_steps   cost of the training in steps of plain training
    figures     {key: mean over seeds}; `analyses.figures` describes each:
                  confidence/<row>, entropy/<row>       certainty of the predictions
                  consistency/copies, /sets, /original, /always_right    other backgrounds
                  mistakes/of_the_still, /of_the_foreground              source of mistakes
                  reversed/stay_right, /same_answer; shuffled/..., static/...   other frames
    figures_sd  {key: standard deviation over seeds}
    classes     a list, one object for each class: `class`, `clips`, `left_out`, each row of the
                suite by its name, `background` (IID minus SCUBA) and `conflict` (SCUBA minus
                Confl-FG on the same background)
    appearance_motion   null if not measured (see `evaluation.appearance_motion`), or `clips` and
                `appearance` and `motion`, each with `mean`, `sd` and `interval` in units of a
                logit; `classes` has the same for each `class`
  notes         sentences about left-out clips, classes without a clip, and abstentions
  comparisons   a list, one object for each pair of models: `first`, `second` and `rows`,
                {row: null or an object}:
    difference  first minus second
    p_value     p-value of this pair alone
    p_adjusted  p-value with Holm's correction for all pairs of the row. It decides marks and
                headline.
    seeds_count whether the p-values include the spread over training seeds
    videos      number of videos on which the two differ
    exact, unpaired    see `analyses.permutation`
  comparison_test    description of the test
  optional      the second table, or null: `rows` (a list of `name`, `title`, `goal`, `meaning`),
                and `models`, `comparisons`, `comparison_test` as above; see
                `evaluation.optional_sets`
  standard      a list, one object for each test set and model: `task`, `model`, `clips`,
                `abstained` (clips without an answer, mean over seeds), and
    figures, sd {key: mean, standard deviation over seeds} of `top1`, `top5`, `mean_class`, `ece`
                (expected calibration error), all in percent, and `brier`, 0 to 2
    reliability null without probabilities, or `clips`, `confidence` and `accuracy` of 15 equal bins
                of the confidence, all seeds together
  groups        a list, one object for each column `group:NAME`: `name` and `tests`, a list of one
                object for each test set and model: `task`, `model`, `worst` (name of the worst
                group), `without_group` (number of clips), `p_value` and `p_adjusted` of the gap
                (null if it is not tested), and with `mean`, `sd` and `interval`:
    average     accuracy on all clips
    weighted    mean over groups, weighted by their training clips, or null
    groups      a list with `group` and `clips`
    worst_figure, gap   accuracy of the worst group; best minus worst group
"""

import json
import os
from pathlib import Path

from albar_jax import files
from albar_jax.report import cells, further_text, html_page, page_tables, tables
from albar_jax.report.appearance_motion import MEANING, split_table
from albar_jax.report.json_content import to_json
from albar_jax.report.report_data import ReportData
from albar_jax.terminal.escapes import markdown_text, show


def write(out: str | os.PathLike, data: ReportData) -> None:
    """Writes the three files into the folder `out`, each atomically."""
    write_json(Path(out) / "results.json", to_json(data))
    files.write_text(Path(out) / "results.md", markdown(data))
    html_page.write(Path(out) / "report.html", data)


def publish(data: ReportData, out: Path) -> None:
    """Writes the three files into the folder `out`, and prints the table."""
    write(out, data)
    show(*tables.console(data.results).splitlines())
    show(*further_text.console(data).splitlines())
    show(*data.notes)
    show(f"the page: {out / 'report.html'}")


def write_json(path: Path, content: dict) -> None:
    """Writes results.json atomically."""
    files.write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def markdown(data: ReportData) -> str:
    """Returns the tables of the page as Markdown, without the figures of each class."""
    parts = [tables.markdown(data.results)]
    for note in data.notes:
        parts.append(f"{markdown_text(note)}\n")
    parts += further_text.markdown(data)
    parts.append("Beyond the paper:\n\n" + _figures(data))

    if any(data.splits):
        parts.append(f"{MEANING}\n\n" + tables.markdown_table(*split_table(data)))

    # A single model has no comparisons.
    if data.analysis.comparisons:
        parts.append(
            f"Differences, {data.analysis.test}. A difference is clear where p < "
            f"{page_tables.SIGNIFICANT}:\n\n{_comparisons(data)}"
        )
    return "\n".join(parts)


def _figures(data: ReportData) -> str:
    """Returns the table of the further figures, with a column for each model."""
    lines = []
    for figure in data.analysis.figures:
        title = figure.title
        if figure.goal:
            title += f" {cells.ARROWS[figure.goal]}"
        line = [title]
        for model in data.analysis.models:
            line.append(cells.mean_and_sd(model.figures[figure.name], model.sd[figure.name]))
        lines.append(line)

    return tables.markdown_table(["Figure", *data.results.names], lines)


def _comparisons(data: ReportData) -> str:
    """Returns the table of the differences, with a column for each row of the suite."""
    header = ["First − second (points, p)", *data.suite.title_of.values()]
    lines = []
    for pair in data.analysis.comparisons:
        line = [f"{pair.first} − {pair.second}"]
        for row in data.suite.rows:
            line.append(page_tables.difference_text(pair.rows[row.name]))
        lines.append(line)

    return tables.markdown_table(header, lines)
