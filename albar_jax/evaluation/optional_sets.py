"""Lists the figures of the optional test sets: the second table of a benchmark.

No model needs these sets, so they are no columns of the paper's table:

- stills (the middle frame of a test clip, repeated) and appearance-free clips,
- HAT's sets: human only, background only, and action swaps, in which the person of one video acts
  in the scene of a video of another class. (Chung et al., Enabling Detailed Action Recognition
  Evaluation Through Video Dataset Augmentation, NeurIPS 2022 Datasets and Benchmarks)
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from albar_jax.evaluation import metrics, paired_scores
from albar_jax.evaluation.metrics import Outcomes
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import Results
from albar_jax.evaluation.suites import Row, Suite

# Class of the video that a swap's background comes from, by clip id, for each task.
Scenes = Mapping[str, Mapping[str, int]]

_MARGIN = (
    "but a still counts as right only if the probability of its class is at least twice chance "
    "(2 / K; 0.75 for K = 2)."
)
_SWAPS = {"hat_swap": "", "hat_swap_close": ", close scene", "hat_swap_far": ", far scene"}


@dataclasses.dataclass(frozen=True)
class RatioRow(Row):
    """The accuracy on altered clips divided by the accuracy on their originals.

    The only entry of `sets` is (altered task, original task).
    """

    def outcomes(self, predictions: Mapping[str, Predictions]) -> tuple[Outcomes, ...] | None:
        """Returns the outcomes of the altered clips and of their originals."""
        of_sets = self.predictions_of_sets(predictions)
        if of_sets is None:
            return None
        ((altered, originals),) = of_sets
        return (
            paired_scores.accuracy_of_altered(altered, originals),
            paired_scores.accuracy_of_originals(altered, originals),
        )

    @property
    def counted_sets(self) -> tuple[tuple[str, ...], ...]:
        """The altered clips count; not every original has one."""
        ((altered, _),) = self.sets
        return ((altered,),)


def ratio(figures: np.ndarray, axis: int = 0) -> np.ndarray:
    """Returns the first of two figures divided by the second; NaN if the second is 0."""
    first, second = np.moveaxis(np.asarray(figures, float), axis, 0)
    is_defined = second > 0
    return np.where(is_defined, first / np.where(is_defined, second, 1), np.nan)


def on_optional_sets(results: Results, scenes: Scenes) -> Results | None:
    """Returns the second table, with the rows whose tasks some run has; None without such a row.

    Args:
      results: the results of the paper's table.
      scenes: classes of the backgrounds of action swaps.
    """
    suite = results.suite
    rows = [row for row in _rows(suite, scenes) if _is_tested(row, results)]
    if not rows:
        return None
    return results.on(Suite(suite.name, f"{suite.title}, further sets", suite.iid, tuple(rows)))


def _is_tested(row: Row, results: Results) -> bool:
    tasks = {task for of_set in row.sets for task in of_set}
    return any(tasks <= run.predictions.keys() for run in results.runs)


def _rows(suite: Suite, scenes: Scenes) -> tuple[Row, ...]:
    return (*_stills(suite), *_motion(suite), *_hat(suite), *_swaps(suite, scenes))


def _row(
    name: str,
    title: str,
    goal: Literal["up", "down"],
    meaning: str,
    score: Callable[..., Outcomes | None],
    *sets: tuple[str, ...],
    needs_probs: bool = False,
) -> Row:
    return Row(name, title, goal, meaning, score, sets, needs_probs=needs_probs)


def _stills(suite: Suite) -> list[Row]:
    """Returns the rows of stills, and contrasted accuracy without and with a margin."""
    static = suite.temporal_tasks["static"]
    pair = (suite.iid, static)
    rows = [
        _row(
            "static",
            "Right from a still",
            "down",
            "Share of the test clips that are classified correctly when the middle frame replaces "
            "all frames.",
            metrics.accuracy,
            (static,),
        ),
        _row(
            "needs_motion",
            "Needs the motion",
            "up",
            "Share of the test clips that are right, and wrong as such a still.",
            paired_scores.needs_motion,
            pair,
        ),
        _row(
            "needs_motion_margin",
            "Needs the motion, with a margin",
            "up",
            f"The same, {_MARGIN}",
            paired_scores.needs_motion_with_margin,
            pair,
            needs_probs=True,
        ),
    ]
    contrasted = suite.row("contrasted")
    if contrasted is not None:
        meaning = f"Contrasted, {_MARGIN}"
        rows += [
            contrasted,
            _row(
                "contrasted_margin",
                "Contrasted, with a margin",
                "up",
                meaning,
                paired_scores.needs_motion_with_margin,
                *contrasted.sets,
                needs_probs=True,
            ),
        ]
    return rows


def _motion(suite: Suite) -> list[Row]:
    meaning = (
        "Share of the appearance-free clips that are classified correctly: noise that moves as the "
        "clip does, so that a single frame shows nothing."
    )
    title = "Right from the motion alone"
    return [_row("afd", title, "up", meaning, metrics.accuracy, (f"{suite.iid}_afd",))]


def _hat(suite: Suite) -> list[Row]:
    """Returns accuracy, and its ratio to the originals, of human-only and background-only clips."""
    shown: dict[str, tuple[str, Literal["up", "down"], str]] = {
        "hat_human": ("Human only", "up", "the background is the mean color"),
        "hat_background": ("Background only", "down", "the person is removed"),
    }
    rows = []
    for end, (title, goal, change) in shown.items():
        task = f"{suite.name}_{end}"
        meaning = f"Accuracy when {change}."
        rows.append(_row(end, title, goal, meaning, metrics.accuracy, (task,)))
        rows.append(
            RatioRow(
                f"{end}_ratio",
                f"{title} / original",
                goal,
                f"Accuracy when {change}, divided by the accuracy on the same videos as they are.",
                paired_scores.accuracy_of_altered,
                ((task, suite.iid),),
                reduce=ratio,
            )
        )
    return rows


def _swaps(suite: Suite, scenes: Scenes) -> list[Row]:
    """Returns how often a swap gets the class of its human, and the class of its background."""
    rows = []
    for end, kind in _SWAPS.items():
        task = f"{suite.name}_{end}"
        rows.append(
            _row(
                end,
                f"Swap: the human's class{kind}",
                "up",
                "Share of the action swaps that are classified as the human's video.",
                metrics.accuracy,
                (task,),
            )
        )
        rows.append(
            _row(
                f"{end}_scene",
                f"Swap: the background's class{kind}",
                "down",
                "Share of the action swaps that are classified as the background's video: errors "
                "that come from the scene.",
                functools.partial(paired_scores.names_scene, scenes=scenes.get(task, {})),
                (task,),
            )
        )
    return rows
