"""Computes the accuracy of each group of clips, the worst group, and the gap between groups."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.evaluation import averages, bootstrap
from albar_jax.evaluation.analyses import group_gap
from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.metrics import Outcomes, accuracy
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites.base import WeightedMean


@dataclasses.dataclass(frozen=True)
class GroupFigure:
    """A figure over some groups, in percent.

    Attributes:
      mean: mean over seeds.
      sd: standard deviation over seeds; None for a single seed.
      interval: bootstrap 95 % interval (low, high) over source videos, all seeds together.
    """

    mean: float
    sd: float | None
    interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class GroupFigures:
    """The accuracy of one model on one test set, by group.

    Attributes:
      task: the test set.
      model: name of the model.
      average: accuracy on all clips.
      weighted: mean over groups, weighted by their numbers of training clips; None if unknown.
      groups: accuracy of each group by name, in alphabetical order.
      clips: number of clips of each group, minimum over seeds.
      without_group: number of clips that have no group, maximum over seeds.
      worst: the group with the smallest mean; the first of equals.
      worst_figure: the smallest accuracy of each seed, averaged over seeds.
      gap: the largest accuracy of each seed minus the smallest, averaged over seeds.
      p_value: p-value of the gap; None if a source video has clips of several groups.
      p_adjusted: the same with Holm's correction for all tests of a table; set by `group_tables`.
    """

    task: str
    model: str
    average: GroupFigure
    weighted: GroupFigure | None
    groups: Mapping[str, GroupFigure]
    clips: Mapping[str, int]
    without_group: int
    worst: str
    worst_figure: GroupFigure
    gap: GroupFigure
    p_value: float | None
    p_adjusted: float | None = None


def group_figures(
    task: str,
    model: str,
    runs: Sequence[Predictions],
    group_of: Mapping[str, str],
    training: Mapping[str, int],
) -> GroupFigures | None:
    """Computes the figures of a model on a test set.

    Args:
      task: the test set.
      model: name of the model.
      runs: predictions of each training seed.
      group_of: group of each clip, by id. Other clips count only in the average.
      training: number of training clips of each group; empty if unknown.

    Returns:
      The figures; None with fewer than two groups that have clips in all runs.
    """
    hits = [accuracy(predictions) for predictions in runs]
    by_group = [_split(outcomes, group_of) for outcomes in hits]
    names = sorted(set.intersection(*map(set, by_group)))
    if len(names) < 2:
        return None

    # [group][run]
    sets = [[of_run[name] for of_run in by_group] for name in names]
    shares = np.array([[outcomes.mean for outcomes in of_group] for of_group in sets])
    drawn = np.swapaxes(bootstrap.replicate_shares(sets), 1, 2)
    groups = {}
    for row, name in enumerate(names):
        groups[name] = _figure(shares[row], drawn[:, row])

    # A sample may lack a small group. `fmin` and `fmax` skip it.
    lowest = np.fmin.reduce(drawn, axis=1)
    highest = np.fmax.reduce(drawn, axis=1)

    weights = [training.get(name, 0) for name in names]
    weighted = None
    if any(weights):
        mean = WeightedMean(tuple(weights))
        weighted = _figure(mean(shares, axis=0), mean(drawn, axis=1))

    every = bootstrap.replicate_shares([hits])
    return GroupFigures(
        task=task,
        model=model,
        average=_figure(np.array([of_run.mean for of_run in hits]), every[:, :, 0]),
        weighted=weighted,
        groups=groups,
        clips={
            name: min(len(of_run.ids) for of_run in of_group)
            for name, of_group in zip(names, sets, strict=True)
        },
        without_group=max(_num_without_group(outcomes, group_of) for outcomes in hits),
        worst=min(names, key=lambda name: groups[name].mean),
        worst_figure=_figure(shares.min(axis=0), lowest),
        gap=_figure(np.ptp(shares, axis=0), highest - lowest),
        p_value=_p_value(sets),
    )


def _split(outcomes: Outcomes, group_of: Mapping[str, str]) -> dict[str, Outcomes]:
    """Returns the outcomes of each group that has a clip."""
    rows_of: dict[str, list[int]] = {}
    for row, clip in enumerate(outcomes.ids):
        if clip in group_of:
            rows_of.setdefault(group_of[clip], []).append(row)

    split = {}
    for name, rows in rows_of.items():
        ids = tuple(outcomes.ids[row] for row in rows)
        split[name] = Outcomes(ids, outcomes.values[rows])
    return split


def _num_without_group(outcomes: Outcomes, group_of: Mapping[str, str]) -> int:
    return sum(clip not in group_of for clip in outcomes.ids)


def _figure(shares: np.ndarray, drawn: np.ndarray) -> GroupFigure:
    """Summarizes a figure from its value in each run (R,) and in each sample and run (S, R)."""
    percents = (100 * shares).tolist()
    low, high = bootstrap.quantiles(drawn.mean(axis=1))
    return GroupFigure(float(np.mean(percents)), averages.sd(percents), (100 * low, 100 * high))


def _p_value(sets: Sequence[Sequence[Outcomes]]) -> float | None:
    """Tests the gap; None if a source video has clips of several groups."""
    group_of_video: dict[str, int] = {}
    for number, runs in enumerate(sets):
        for outcomes in runs:
            for video in set(map(source_video, outcomes.ids)):
                if group_of_video.setdefault(video, number) != number:
                    # Its clips would have to move to different groups.
                    return None

    # Sorted, because the order of a set depends on hashing.
    column_of = {video: column for column, video in enumerate(sorted(group_of_video))}
    hits, clips = np.zeros((2, len(sets[0]), len(column_of)), np.int64)
    for runs in sets:
        for run, outcomes in enumerate(runs):
            columns = [column_of[source_video(clip)] for clip in outcomes.ids]
            clips[run] += np.bincount(columns, minlength=len(column_of))
            weighted = np.bincount(columns, weights=outcomes.values, minlength=len(column_of))
            hits[run] += weighted.astype(np.int64)

    groups = np.array([group_of_video[video] for video in column_of])
    return group_gap.p_value(hits, clips, groups)
