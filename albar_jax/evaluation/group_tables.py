"""Makes a table for each division of clips into groups, with Holm's correction over its tests."""

import dataclasses
from collections.abc import Mapping

from albar_jax.evaluation.analyses.comparison import holm
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.bootstrap import source_video
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
    originals = annotations.get(results.suite.iid, Annotations())
    lines = []
    for task in results.suite.every_task:
        of_task = annotations.get(task, Annotations())
        training = of_task.training.get(name) or originals.training.get(name, {})
        group_of = _groups_of_clips(
            results, task, of_task.groups.get(name, {}), originals.groups.get(name, {})
        )
        for summary in results.summaries:
            runs = [predictions[task] for predictions in summary.predictions if task in predictions]
            # A mean over fewer seeds would not be comparable with the other models.
            if not group_of or not runs or len(runs) < len(summary.runs):
                continue

            figures = group_figures(task, summary.name, runs, group_of, training)
            if figures is not None:
                lines.append(figures)
    return lines


def _groups_of_clips(
    results: Results, task: str, own: Mapping[str, str], originals: Mapping[str, str]
) -> dict[str, str]:
    """Returns the group of each clip of a task: its own, or else that of its original clip."""
    group_of: dict[str, str] = {}
    for run in results.runs:
        if task not in run.predictions:
            continue
        for clip in run.predictions[task].ids:
            # An altered clip has the id of its original, or `<id>__<copy>`.
            for groups, key in ((own, clip), (originals, clip), (originals, source_video(clip))):
                if key in groups:
                    group_of[clip] = groups[key]
                    break
    return group_of


def _adjusted(lines: list[GroupFigures]) -> tuple[GroupFigures, ...]:
    """Corrects the p-values by Holm's method for all tests of the table."""
    p_adjusted = iter(holm([line.p_value for line in lines if line.p_value is not None]).tolist())
    adjusted = []
    for line in lines:
        if line.p_value is not None:
            line = dataclasses.replace(line, p_adjusted=next(p_adjusted))
        adjusted.append(line)
    return tuple(adjusted)
