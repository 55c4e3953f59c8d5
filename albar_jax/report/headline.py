"""Computes the sentence at the top of a report from the figures."""

from collections.abc import Sequence
from typing import cast

from albar_jax.evaluation.analyses import Analysis, Difference
from albar_jax.evaluation.results import ModelSummary, Results
from albar_jax.report import page_tables


def headline(
    results: Results,
    analysis: Analysis,
    optional: Results | None = None,
    optional_analysis: Analysis | None = None,
    num_classes: int | None = None,
) -> str:
    """Returns a sentence in plain words that claims no more than the figures show.

    Args:
      results: the paper's table.
      analysis: its analysis.
      optional: the second table. Its stills of the test split are enough for a conclusion.
      optional_analysis: its comparisons.
      num_classes: K, to name the models that are no better than chance; None does not.
    """
    conclusion = _conclusion(results, analysis, optional, optional_analysis)
    guessing = [] if num_classes is None else _no_better_than_chance(results, num_classes)
    if num_classes is None or not guessing:
        return conclusion
    return f"{conclusion} No better than chance on the original test clips: {', '.join(guessing)}."


def _no_better_than_chance(results: Results, num_classes: int) -> list[str]:
    """Returns the models whose interval on the original test clips includes chance, with chance."""
    models = []
    for summary in results.summaries:
        ends = summary.interval.get("iid")
        count = _num_choices(summary, results.suite.iid, num_classes)
        if ends is not None and ends[0] <= 100 / count:
            models.append(f"{summary.name} ({100 / count:.0f}\u00a0% among {count} classes)")
    return models


def _num_choices(summary: ModelSummary, iid: str, num_classes: int) -> int:
    """Returns the number of classes that a model chose from; in a subset fewer than all."""
    counts = [num_classes]
    for predictions in summary.predictions:
        if iid in predictions and predictions[iid].probs is not None:
            counts.append(predictions[iid].num_choices())
    return min(counts)


def _conclusion(
    results: Results,
    analysis: Analysis,
    optional: Results | None,
    optional_analysis: Analysis | None,
) -> str:
    # A suite of groups has no contrasted accuracy.
    with_groups = _with_row(results, "worst_group")
    if with_groups:
        return _worst_groups(results, with_groups)

    measured = _with_row(results, "contrasted")
    if len(measured) == 1:
        return _single_model(measured[0])
    if measured:
        return _compare(measured, analysis, "contrasted")

    if optional is not None and optional_analysis is not None and not _has_pairs(results):
        with_stills = _with_row(optional, "needs_motion")
        if len(with_stills) == 1:
            return _single_model_on_stills(with_stills[0], results)
        if with_stills:
            return _compare(with_stills, optional_analysis, "needs_motion")
    return _without_bias(results)


def _compare(measured: Sequence[ModelSummary], analysis: Analysis, row: str) -> str:
    """Compares the best and the worst model in a row."""
    ranked = sorted(measured, key=lambda summary: _figure(summary, row))
    best, worst = ranked[-1], ranked[0]
    difference = analysis.comparison(best.name, worst.name).rows[row]
    tested = _tested(difference, analysis, row)
    if not page_tables.is_clear(difference):
        return _no_clear_difference(best, worst, row) + tested
    if row == "contrasted":
        return _clear_difference(best, worst) + tested
    return _clear_difference_on_stills(best, worst) + tested


def _with_row(results: Results, row: str) -> list[ModelSummary]:
    """Returns the models that have a figure in a row."""
    return [summary for summary in results.summaries if summary.mean.get(row) is not None]


def _figure(summary: ModelSummary, row: str) -> float:
    # `_with_row` selects the models that have it.
    return cast(float, summary.mean[row])


def _percent(summary: ModelSummary, row: str) -> str:
    return f"{summary.mean[row]:.0f}\u00a0%"


def _worst_groups(results: Results, models: Sequence[ModelSummary]) -> str:
    parts = []
    for model in models:
        part = f"{model.name} {_percent(model, 'worst_group')}"
        if model.mean["iid"] is not None:
            part += f" ({_percent(model, 'iid')} on average)"
        parts.append(part)
    return f"Accuracy on the worst group of {results.suite.title}: {'; '.join(parts)}."


def _single_model(model: ModelSummary) -> str:
    return (
        f"With the background replaced, {model.name} classifies {_percent(model, 'scuba')} of the "
        f"moving clips correctly, and {_percent(model, 'scufo')} of motionless stills taken from "
        f"them; {_percent(model, 'contrasted')} of its predictions need the motion."
    )


def _single_model_on_stills(model: ModelSummary, results: Results) -> str:
    (original,) = results.select([model.name]).summaries
    return (
        f"{model.name} classifies {_percent(original, 'iid')} of the test clips correctly, and "
        f"{_percent(model, 'static')} from their middle frame alone; "
        f"{_percent(model, 'needs_motion')} of its predictions need the motion."
    )


def _no_clear_difference(best: ModelSummary, worst: ModelSummary, row: str) -> str:
    return (
        f"No clear difference: {_percent(best, row)} of the predictions need the motion "
        f"for {best.name} and {_percent(worst, row)} for {worst.name}; chance could "
        "explain this."
    )


def _clear_difference_on_stills(best: ModelSummary, worst: ModelSummary) -> str:
    return (
        f"{worst.name} recognizes {_percent(worst, 'static')} of the test clips from their middle "
        f"frame alone, {best.name} {_percent(best, 'static')}; {_percent(best, 'needs_motion')} of "
        f"the predictions need the motion for {best.name}, against "
        f"{_percent(worst, 'needs_motion')} for {worst.name}."
    )


def _clear_difference(best: ModelSummary, worst: ModelSummary) -> str:
    return (
        f"With the background replaced, {worst.name} recognizes {_percent(worst, 'scufo')} of the "
        f"clips from a single motionless frame, {best.name} {_percent(best, 'scufo')}; "
        f"{_percent(best, 'contrasted')} of the predictions need the motion for {best.name}, "
        f"against {_percent(worst, 'contrasted')} for {worst.name}."
    )


def _tested(difference: Difference | None, analysis: Analysis, row: str) -> str:
    """Describes the test, with a warning if each model has only one training seed."""
    if difference is None:
        return ""

    # The sentence must not claim more than was tested.
    chance = "test videos"
    if difference.seeds_count:
        chance = "test videos and training seeds"
    corrected = ""
    num_pairs = sum(pair.rows[row] is not None for pair in analysis.comparisons)
    if num_pairs > 1:
        corrected = f", corrected for the {num_pairs} pairs of models"

    text = f" (Chance in the {chance}: {page_tables.p_text(difference.p_adjusted)}{corrected}."
    if not difference.seeds_count:
        text += " One training seed each: another seed may give another order."
    return f"{text})"


def _without_bias(results: Results) -> str:
    """Returns the sentence for results without contrasted accuracy."""
    if _has_pairs(results):
        return _incomplete_pairs(results)

    measured = _with_row(results, "iid")
    if not measured:
        return (
            f"Neither the original test set of {results.suite.title} nor pairs of moving and "
            "static clips were evaluated."
        )
    # The first of equal models.
    best = max(measured, key=lambda summary: _figure(summary, "iid"))
    return (
        f"{best.name} classifies {_percent(best, 'iid')} of the original test clips correctly; "
        "bias was not measured, because there are no pairs of moving and static clips."
    )


def _has_pairs(results: Results) -> bool:
    """Returns whether a run has both tasks of a background."""
    for run in results.runs:
        for pair in results.suite.pairs:
            if set(pair) <= set(run.predictions):
                return True
    return False


def _incomplete_pairs(results: Results) -> str:
    reason = (
        "not every run has predictions for every pair of moving and static clips, so there is no "
        "mean over backgrounds"
    )
    # The table by background shows those pairs that were predicted.
    if results.suite.by_background:
        reason += "; see the table for each background"

    parts = []
    for model in _with_row(results, "iid"):
        parts.append(
            f"{model.name} classifies {_percent(model, 'iid')} of the original test clips correctly"
        )

    # Without a part, the reason begins the sentence.
    if not parts:
        reason = reason.capitalize()
    return "; ".join([*parts, reason]) + "."
