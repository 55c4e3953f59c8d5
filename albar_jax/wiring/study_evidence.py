"""Computes what a study adds to its table: paired differences, costs, the order of the rows."""

from collections.abc import Sequence
from typing import Any

from albar_jax.evaluation import paired_differences, rank_correlation
from albar_jax.evaluation.averages import mean
from albar_jax.evaluation.results import Results
from albar_jax.report.evidence import Evidence
from albar_jax.studies import Run, seeds
from albar_jax.wiring import study_origin
from albar_jax.wiring.study_request import StudyRequest


def collect(request: StudyRequest, results: Results, finished: Sequence[Run]) -> Evidence:
    """Computes the paired differences and the rank correlations of a study.

    Args:
      request: the study and its runs.
      results: the results of its finished runs.
      finished: the finished runs.
    """
    # Seeds that have their own manifest have their own test videos, often with the same ids.
    video_set_of = {run.seed: run.config.data.manifest for run in request.runs}
    found = sorted({run.seed for run in finished})
    order: dict[str, float | None] = {}
    published = request.study.suite.published
    if published is not None:
        figures_of = {summary.name: summary.mean for summary in results.summaries}
        order = rank_correlation.with_published(figures_of, published)
    # A table without any order needs no sentence.
    if all(correlation is None for correlation in order.values()):
        order = {}

    return Evidence(
        seeds=seeds.describe(request.purpose, found),
        caution=seeds.caution(request.purpose, found),
        reference_of={name: request.study.reference_of(name) for name in request.cell_names},
        differences=paired_differences.all_differences(results, video_set_of),
        order=order,
        remarks=_remarks(request, finished),
    )


def _remarks(request: StudyRequest, finished: Sequence[Run]) -> list[str]:
    """Returns a sentence about runs of a report that no commit reproduces."""
    commits: list[str] = []
    for run in finished:
        commits += study_origin.commits_of(run)
    # A + marks uncommitted changes.
    changed = [commit for commit in dict.fromkeys(commits) if commit.endswith("+")]
    if request.purpose == "choices" or not changed:
        return []
    return [
        f"Runs were trained with uncommitted code ({', '.join(changed)}), so no commit reproduces "
        "this table: it is not for reports."
    ]


def cost_factors(request: StudyRequest, runs: Sequence[Run]) -> list[float | None]:
    """Returns the cost of each run in costs of its reference row, by the FLOPs of the training.

    Args:
      request: the study.
      runs: its finished runs.

    Returns:
      The factors; None if a cost is not known.
    """
    # FLOPs compare rows even if no plain training gives the cost of a plain step.
    flops_of: dict[str, list[float | None]] = {}
    for run in runs:
        flops_of.setdefault(run.cell.name, []).append(_flops(run))

    factors: list[float | None] = []
    for run in runs:
        flops = _flops(run)
        reference = mean(flops_of.get(request.study.reference_of(run.cell.name), [None]))
        if flops is None or reference is None:
            factors.append(None)
        else:
            factors.append(flops / reference)
    return factors


def _flops(run: Run) -> float | None:
    """Returns the FLOPs of a training; None if its summary does not have them."""
    summary = run.summary
    # Older versions did not measure FLOPs, which then are 0.
    return summary["flops_per_step"] * summary["step"] or None


def to_json(request: StudyRequest, evidence: Evidence, results: Results) -> dict[str, Any]:
    """Returns the content of `study` in results.json, without the origin.

    Args:
      request: the study.
      evidence: what it adds to its table.
      results: the results of its finished runs.
    """
    found: set[int] = set()
    factors = {}
    for summary in results.summaries:
        found |= set(summary.seeds)
        factors[summary.name] = summary.cost_factor

    differences = []
    for difference in evidence.differences:
        differences.append(
            {
                "row": difference.row,
                "first": difference.first,
                "second": difference.second,
                "difference": difference.value,
                "interval": list(difference.interval),
                "seeds": list(difference.seeds),
            }
        )
    return {
        "title": request.study.title,
        "purpose": request.purpose,
        "seeds": sorted(found),
        "reference_of": dict(evidence.reference_of),
        "cost_factor": factors,
        "goals": {row.name: row.goal for row in request.study.suite.rows},
        "titles": request.study.suite.title_of,
        "differences": differences,
        "rank_correlation": dict(evidence.order),
    }
