"""Makes a table for each division of clips into groups, with Holm's correction over its tests."""

import dataclasses
import itertools
from collections.abc import Mapping

from albar_jax.evaluation.analyses.comparison import holm
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.groups import GroupFigures, group_figures
from albar_jax.evaluation.results import Results


@dataclasses.dataclass(frozen=True)
class GroupTable:
    """The figures of one division of the clips into groups.

    Attributes:
      name: what divides the clips: the column `group:NAME` of the manifests without `group:`.
      lines: a line for each test set and model.
    """

    name: str
    lines: tuple[GroupFigures, ...]


def group_tables(
    results: Results, annotations: Mapping[str, Annotations]
) -> tuple[GroupTable, ...]:
    """Returns a table for each division into groups, in alphabetical order.

    Args:
      results: the results of the models.
      annotations: the groups of the clips, by task.
    """
    annotations = _with_task_groups(results, annotations)
    names = sorted({name for of_task in annotations.values() for name in of_task.groups})
    tables = []
    for name in names:
        lines = _lines(results, annotations, name)
        if lines:
            tables.append(GroupTable(name, _adjusted(lines)))
    return tuple(tables)


def _with_task_groups(
    results: Results, annotations: Mapping[str, Annotations]
) -> dict[str, Annotations]:
    """Adds the groups of the test split that have their own tasks, as in Waterbirds."""
    every = dict(annotations)
    own = results.suite.task_groups
    if own is None:
        return every

    group_of: dict[str, str] = {}
    for run in results.runs:
        for group, task in own.tasks.items():
            if task in run.predictions:
                group_of |= dict.fromkeys(run.predictions[task].ids, group)

    iid = every.get(results.suite.iid, Annotations())
    every[results.suite.iid] = dataclasses.replace(
        iid,
        groups={**iid.groups, own.name: group_of},
        training={**iid.training, own.name: own.training},
    )
    return every


def _lines(
    results: Results, annotations: Mapping[str, Annotations], name: str
) -> list[GroupFigures]:
    lines = []
    for task, summary in itertools.product(results.suite.every_task, results.summaries):
        runs = [predictions[task] for predictions in summary.predictions if task in predictions]
        # A mean over fewer seeds would not be comparable with the other models.
        if task not in annotations or not runs or len(runs) < len(summary.runs):
            continue

        of_task = annotations[task]
        figures = group_figures(
            task,
            summary.name,
            runs,
            of_task.groups.get(name, {}),
            of_task.training.get(name, {}),
        )
        if figures is not None:
            lines.append(figures)
    return lines


def _adjusted(lines: list[GroupFigures]) -> tuple[GroupFigures, ...]:
    """Corrects the p-values by Holm's method for all tests of the table."""
    p_adjusted = iter(holm([line.p_value for line in lines if line.p_value is not None]).tolist())
    adjusted = []
    for line in lines:
        if line.p_value is not None:
            line = dataclasses.replace(line, p_adjusted=next(p_adjusted))
        adjusted.append(line)
    return tuple(adjusted)
