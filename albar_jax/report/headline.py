"""The one sentence at the top of a report, computed from the figures."""

from collections.abc import Sequence

from albar_jax.evaluation.analyses import Analysis, Difference
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Suite
from albar_jax.report import page_tables
from albar_jax.report.page_tables import SIGNIFICANT


def headline(suite: Suite, summaries: Sequence[ModelSummary], analysis: Analysis) -> str:
    """Says in plain words what the figures show, and no more than they show."""
    measured = [summary for summary in summaries if summary.rows.get("contrasted") is not None]
    groups = [summary for summary in summaries if summary.rows.get("worst_group") is not None]
    if groups:
        return _of_groups(suite, groups)
    if not measured:
        return _without_pairs(suite, summaries)
    if len(measured) == 1:
        return _alone(measured[0])
    ranked = sorted(measured, key=lambda summary: summary.rows["contrasted"])
    best, worst = ranked[-1], ranked[0]
    difference = analysis.comparison(best.name, worst.name).rows["contrasted"]
    is_clear = difference is not None and difference.p_adjusted < SIGNIFICANT
    return _compared(best, worst, is_clear=is_clear) + _scope(best, worst, difference, analysis)


def _of_groups(suite: Suite, models: Sequence[ModelSummary]) -> str:
    averages = [
        "" if model.rows["iid"] is None else f" ({_percent(model, 'iid')} on average)"
        for model in models
    ]
    parts = "; ".join(
        f"{model.name} names {_percent(model, 'worst_group')} right{average}"
        for model, average in zip(models, averages, strict=True)
    )
    return f"Of the group of {suite.title} that it recognises worst, {parts}."


def _percent(summary: ModelSummary, row: str) -> str:
    return f"{summary.rows[row]:.0f}\u00a0%"


def _alone(model: ModelSummary) -> str:
    return (
        f"With the background replaced, {model.name} names {_percent(model, 'scuba')} of the moving clips right, "
        f"and {_percent(model, 'scufo')} of motionless stills taken from them; {_percent(model, 'contrasted')} of "
        "its answers need the motion."
    )


def _compared(best: ModelSummary, worst: ModelSummary, *, is_clear: bool) -> str:
    if not is_clear:
        return (
            f"No clear difference: {_percent(best, 'contrasted')} of the clips need the motion for {best.name} and "
            f"{_percent(worst, 'contrasted')} for {worst.name}, which chance could explain."
        )
    return (
        f"With the background replaced, {worst.name} recognises {_percent(worst, 'scufo')} of the clips from a "
        f"single motionless frame, {best.name} {_percent(best, 'scufo')}; answers that need the motion are "
        f"{_percent(best, 'contrasted')} of the clips for {best.name}, against {_percent(worst, 'contrasted')} for "
        f"{worst.name}."
    )


def _scope(
    best: ModelSummary, worst: ModelSummary, difference: Difference | None, analysis: Analysis
) -> str:
    """Formats what was tested, with a warning if there is one training seed each."""
    if difference is None:
        return ""
    pairs = sum(pair.rows["contrasted"] is not None for pair in analysis.comparisons)
    chance = "test videos and training seeds" if difference.seeds_count else "test videos"
    corrected = f", corrected for the {pairs} pairs of models" if pairs > 1 else ""
    text = f" (Chance in the {chance}: {page_tables.p_text(difference.p_adjusted)}{corrected}."
    if not difference.seeds_count:
        text += " One training seed each: another seed may give another order."

    return f"{text})"


def _without_pairs(suite: Suite, summaries: Sequence[ModelSummary]) -> str:
    measured = [summary for summary in summaries if summary.rows["iid"] is not None]
    answered = [set(run.predictions) for summary in summaries for run in summary.runs]
    if any(answers >= set(pair) for answers in answered for pair in suite.pairs):
        right = [
            f"{model.name} names {_percent(model, 'iid')} of the ordinary test clips right"
            for model in measured
        ]
        table = ": see the table for each background" if suite.by_background else ""
        some = f"not every run has answered every pair of moving and static clips, so bias is not summed up{table}."
        return "; ".join([*right, some]) if right else some[0].upper() + some[1:]
    if not measured:
        return f"Neither the ordinary test set of {suite.title} nor pairs of moving and static clips were evaluated."
    best = max(measured, key=lambda summary: summary.rows["iid"])
    return (
        f"{best.name} names {_percent(best, 'iid')} of the ordinary test clips right; bias was not measured, because "
        "there are no pairs of moving and static clips."
    )
