"""Builds the content of results.json; `outputs` describes it."""

from typing import Any

from albar_jax.evaluation.analyses import Comparison, Difference, ModelAnalysis
from albar_jax.evaluation.analyses.class_bias import figure_of_class
from albar_jax.evaluation.counts import ClipCount, count_clips, count_clips_over_seeds
from albar_jax.evaluation.results import ModelRun, ModelSummary, Results, unpaired_clips
from albar_jax.evaluation.suites import Published, Suite
from albar_jax.evaluation.views import views_of_run
from albar_jax.report.appearance_motion import split_to_json
from albar_jax.report.further_json import groups_to_json, rows_to_json, standard_to_json
from albar_jax.report.report_data import ReportData


def to_json(data: ReportData) -> dict[str, Any]:
    """Returns the content of results.json. Figures are in percent; None if a task is missing."""
    content = results_to_json(data.results)
    models = zip(content["models"], data.analysis.models, data.splits, strict=True)
    for model, analysis, split in models:
        model["figures"] = analysis.figures
        model["figures_sd"] = analysis.sd
        model["classes"] = _classes(data, analysis)
        model["appearance_motion"] = split_to_json(split, data.classes)

    content["notes"] = [*data.coverage_notes, *data.abstention_notes]
    content["comparisons"] = list(map(_comparison, data.analysis.comparisons))
    content["comparison_test"] = data.analysis.test
    content["optional"] = _optional(data)
    content["standard"] = list(map(standard_to_json, data.standard))
    content["groups"] = list(map(groups_to_json, data.groups))
    return content


def _optional(data: ReportData) -> dict[str, Any] | None:
    """Returns the second table with its comparisons; None if no model has an optional set."""
    if data.optional is None:
        return None
    analysis = data.optional_analysis
    return {
        "rows": rows_to_json(data.optional.suite),
        "models": _tables(data.optional)["models"],
        "comparisons": list(map(_comparison, analysis.comparisons)),
        "comparison_test": analysis.test,
    }


def results_to_json(results: Results) -> dict[str, Any]:
    """Returns the suite's rows of all models, with the paper's figures and by background."""
    content = {"suite": results.suite.name, **_tables(results), "by_background": None}
    if results.by_background is not None:
        content["by_background"] = _tables(results.by_background)
    return content


def _tables(results: Results) -> dict[str, Any]:
    published = None
    if results.suite.published is not None:
        published = _published(results.suite.published)
    models = []
    for summary in results.summaries:
        models.append(_model(results.suite, summary))
    return {"models": models, "published": published}


def _model(suite: Suite, summary: ModelSummary) -> dict[str, Any]:
    clips, interval = {}, {}
    for row in suite.rows:
        clips[row.name] = _count(count_clips_over_seeds(row, summary))
        ends = summary.interval[row.name]
        interval[row.name] = list(ends) if ends is not None else None

    per_seed = []
    for run, figures in zip(summary.runs, summary.per_seed, strict=True):
        per_seed.append(_run(suite, run, figures))

    return {
        "name": summary.name,
        "seeds": list(summary.seeds),
        "rows": summary.mean,
        "sd": summary.sd,
        "clips": clips,
        "interval": interval,
        "per_seed": per_seed,
        "cost_plain_steps": summary.cost_plain_steps,
    }


def _run(suite: Suite, run: ModelRun, figures: dict[str, float | None]) -> dict[str, Any]:
    clips = {}
    for row in suite.rows:
        clips[row.name] = _count(count_clips(row, run.predictions))
    left_out = {}
    for task, predictions in run.predictions.items():
        left_out[task] = len(predictions.left_out)
    unpaired = {}
    for row_name, ids in unpaired_clips(suite, run.predictions).items():
        unpaired[row_name] = len(ids)

    return {
        "seed": run.seed,
        "checkpoint_step": run.checkpoint_step,
        "train_seconds": run.train_seconds,
        "views": views_of_run(run),
        "rows": figures,
        "clips": clips,
        "left_out": left_out,
        "unpaired": unpaired,
    }


def _count(count: ClipCount | None) -> dict[str, int] | None:
    if count is None:
        return None
    return {"tested": count.tested, "left_out": count.left_out}


def _published(published: Published) -> dict[str, Any]:
    models = []
    for method in published.figures:
        models.append({"name": method, "rows": published.rows(method)})

    notes = []
    for (method, row), note in published.notes.items():
        notes.append({"name": method, "row": row, "note": note})

    return {
        "table": published.table,
        "models": models,
        "remark": published.remark,
        "notes": notes,
    }


def _classes(data: ReportData, analysis: ModelAnalysis) -> list[dict[str, Any]]:
    bias = analysis.classes
    columns = {**bias.rows, "background": bias.background, "conflict": bias.conflict}
    classes = []
    # JSON has no NaN; `figure_of_class` returns None instead.
    for label, name in enumerate(data.classes):
        content = {
            "class": name,
            "clips": int(bias.clips[label]),
            "left_out": int(bias.left_out[label]),
        }
        for key, column in columns.items():
            content[key] = figure_of_class(column, label)
        classes.append(content)

    return classes


def _comparison(pair: Comparison) -> dict[str, Any]:
    rows = {}
    for name, difference in pair.rows.items():
        rows[name] = _difference(difference)
    return {"first": pair.first, "second": pair.second, "rows": rows}


def _difference(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        "difference": 100 * difference.value,
        "p_value": difference.p_value,
        "p_adjusted": difference.p_adjusted,
        "seeds_count": difference.seeds_count,
        "videos": difference.videos,
        "exact": difference.exact,
        "unpaired": difference.unpaired,
    }
