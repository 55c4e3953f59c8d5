"""Builds the parts of results.json beside the paper's table; `outputs` describes them."""

import dataclasses
from typing import Any

import numpy as np

from albar_jax.evaluation.calibration import Reliability
from albar_jax.evaluation.group_tables import GroupTable
from albar_jax.evaluation.groups import GroupFigure, GroupFigures
from albar_jax.evaluation.standard import StandardLine
from albar_jax.evaluation.suites import Suite


def rows_to_json(suite: Suite) -> list[dict[str, Any]]:
    """Returns the description of each row."""
    rows = []
    for row in suite.rows:
        rows.append(
            {"name": row.name, "title": row.title, "goal": row.goal, "meaning": row.meaning}
        )
    return rows


def standard_to_json(line: StandardLine) -> dict[str, Any]:
    """Returns the standard figures of one model on one test set."""
    return {
        "task": line.task,
        "model": line.model,
        "clips": line.clips,
        "abstained": line.abstained,
        "figures": line.mean,
        "sd": line.sd,
        "reliability": _reliability(line.reliability),
    }


def _reliability(bins: Reliability | None) -> dict[str, Any] | None:
    if bins is None:
        return None
    return {
        "clips": bins.clips.tolist(),
        "confidence": _percents(bins.confidence),
        "accuracy": _percents(bins.accuracy),
    }


def _percents(shares: np.ndarray) -> list[float | None]:
    # JSON has no NaN.
    return [None if np.isnan(share) else 100 * share for share in shares.tolist()]


def groups_to_json(table: GroupTable) -> dict[str, Any]:
    """Returns one division of the clips into groups."""
    return {"name": table.name, "tests": list(map(_group_line, table.lines))}


def _group_line(line: GroupFigures) -> dict[str, Any]:
    groups = []
    for name, figure in line.groups.items():
        groups.append({"group": name, "clips": line.clips[name], **_figure(figure)})

    return {
        "task": line.task,
        "model": line.model,
        "average": _figure(line.average),
        "weighted": _figure(line.weighted) if line.weighted else None,
        "groups": groups,
        "without_group": line.without_group,
        "worst": line.worst,
        "worst_figure": _figure(line.worst_figure),
        "gap": _figure(line.gap),
        "p_value": line.p_value,
        "p_adjusted": line.p_adjusted,
    }


def _figure(figure: GroupFigure) -> dict[str, Any]:
    return dataclasses.asdict(figure) | {"interval": list(figure.interval)}
