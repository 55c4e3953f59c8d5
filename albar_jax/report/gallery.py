"""Chooses the pairs of clips that a report shows, with the predictions of each model."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.pairing import Pairs, pair
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import Suite

# (moving clip correct, still correct) -> verdict.
VERDICTS = {
    (True, False): "needs the motion",
    (True, True): "a still was enough",
    (False, True): "only the still",
    (False, False): "not recognized",
}
_NEEDS_MOTION = VERDICTS[True, False]
# Shortcuts are chosen from this many stills with the highest confidence.
_NUM_CONFIDENT = 10


@dataclasses.dataclass(frozen=True)
class PairPrediction:
    """The predictions of one model for a moving clip and its still.

    Attributes:
      model: name of the model.
      moving: predicted class of the moving clip.
      moving_right: whether it is correct.
      moving_sure: its probability, 0 to 1; None if unknown.
      static: predicted class of the still.
      static_right: whether it is correct.
      static_sure: its probability, 0 to 1; None if unknown.
    """

    model: str
    moving: int
    moving_right: bool
    moving_sure: float | None
    static: int
    static_right: bool
    static_sure: float | None

    @property
    def verdict(self) -> str:
        """The meaning of the two predictions in words."""
        return VERDICTS[self.moving_right, self.static_right]


@dataclasses.dataclass(frozen=True)
class ClipPair:
    """A moving clip and its still, chosen for the report.

    Attributes:
      id: id of both clips.
      scuba: task of the moving clip.
      scufo: task of the still.
      label: true class.
      reason: reason for the choice, in words.
      predictions: predictions of each model.
    """

    id: str
    scuba: str
    scufo: str
    label: int
    reason: str
    predictions: tuple[PairPrediction, ...]


@dataclasses.dataclass(frozen=True)
class Limits:
    """Maximum numbers of pairs to choose.

    Attributes:
      shortcuts: pairs for each model with a still that it classifies correctly.
      disagreeing: pairs on which the models disagree.
      typical: most frequent combinations of verdicts.
    """

    shortcuts: int = 2
    disagreeing: int = 3
    typical: int = 2


def choose_pairs(
    suite: Suite, runs: Sequence[ModelRun], *, best: str | None = None, limits: Limits = Limits()
) -> tuple[ClipPair, ...]:
    """Chooses pairs by rules, without randomness.

    The rules apply in this order:
      1. Shortcuts of each model, from the ten correct stills with the highest confidence.
      2. Pairs on which the models disagree most.
      3. A pair on which the model `best` fails.
      4. Pairs with the most frequent combinations of verdicts.

    A rule prefers classes that are not shown yet, then the first id.

    Args:
      suite: the benchmark.
      runs: one run of each model.
      best: name of the model with the highest contrasted accuracy; None without such a model.
      limits: maximum numbers of pairs.

    Returns:
      Pairs that every run has predicted, on the first background with predictions of all runs.
      Empty without such a background.
    """
    for scuba, scufo in suite.pairs:
        # All models must have predictions for the same pairs.
        if all({scuba, scufo} <= set(run.predictions) for run in runs):
            return _choose_from(scuba, scufo, runs, best, limits)

    return ()


def _choose_from(
    scuba: str, scufo: str, runs: Sequence[ModelRun], best: str | None, limits: Limits
) -> tuple[ClipPair, ...]:
    """Chooses pairs of one background."""
    models = []
    for run in runs:
        models.append(_predictions_by_id(run, scuba, scufo))
    common = set.intersection(*map(set, models))
    if not common:
        return ()

    first = runs[0].predictions[scuba]
    label_of = dict(zip(first.ids, first.labels.tolist(), strict=True))
    reason_of: dict[str, str] = {}
    for reason, candidates in _Rules(sorted(common), models).candidates(best, limits):
        shown_classes = {label_of[clip] for clip in reason_of}
        new = [clip for clip in candidates if clip not in reason_of]
        if new:
            # `min` returns the first of equals, and False is less than True.
            clip = min(new, key=lambda clip: label_of[clip] in shown_classes)
            reason_of[clip] = reason

    chosen = []
    for clip, reason in reason_of.items():
        predictions = tuple(model[clip] for model in models)
        chosen.append(ClipPair(clip, scuba, scufo, label_of[clip], reason, predictions))

    return tuple(chosen)


@dataclasses.dataclass(frozen=True)
class _Rules:
    """The rules that propose pairs.

    Attributes:
      ids: ids of the pairs that all models have predicted, sorted.
      models: predictions of each model, by id.
    """

    ids: list[str]
    models: list[dict[str, PairPrediction]]

    def candidates(self, best: str | None, limits: Limits) -> Iterator[tuple[str, list[str]]]:
        """Yields (reason, matching ids) for each pair to choose."""
        for model in self.models:
            reason = f"A shortcut of {self._name(model)}: the still is classified correctly"
            most_confident = self._most_confident(model)
            for _ in range(limits.shortcuts):
                yield reason, most_confident

        # If all models always agree, `split` is empty.
        split = self._split()
        if split:
            for _ in range(limits.disagreeing):
                yield "The models disagree most", split

        for model in self.models:
            if self._name(model) == best:
                failures = [clip for clip in self.ids if model[clip].verdict != _NEEDS_MOTION]
                yield f"{best}, the highest in contrasted accuracy, fails", failures
        yield from self._typical(limits.typical)

    def _name(self, model: dict[str, PairPrediction]) -> str:
        return model[self.ids[0]].model

    def _most_confident(self, model: dict[str, PairPrediction]) -> list[str]:
        """Returns the correct stills with the highest probabilities; without these, the first."""
        correct = [clip for clip in self.ids if model[clip].static_right]
        correct.sort(key=lambda clip: -(model[clip].static_sure or 0))
        return correct[:_NUM_CONFIDENT]

    def _split(self) -> list[str]:
        """Returns the ids on which the models disagree most; none if all models always agree."""
        ids_of: dict[int, list[str]] = {}
        for clip in self.ids:
            hits = self._verdicts(clip).count(_NEEDS_MOTION)
            # The product is largest if half of the models need the motion.
            split = hits * (len(self.models) - hits)
            ids_of.setdefault(split, []).append(clip)

        largest = max(ids_of)
        if not largest:
            return []
        return ids_of[largest]

    def _verdicts(self, clip: str) -> tuple[str, ...]:
        return tuple(model[clip].verdict for model in self.models)

    def _typical(self, count: int) -> Iterator[tuple[str, list[str]]]:
        """Yields (reason, matching ids) for the most frequent combinations of verdicts."""
        ids_of: dict[tuple[str, ...], list[str]] = {}
        for clip in self.ids:
            ids_of.setdefault(self._verdicts(clip), []).append(clip)

        # A stable sort: of equally frequent combinations, the one with the first id comes first.
        for ids in sorted(ids_of.values(), key=len, reverse=True)[:count]:
            percent = 100 * len(ids) / len(self.ids)
            yield f"Typical: {percent:.0f}\u00a0% of the clips have these verdicts", ids


def _predictions_by_id(run: ModelRun, scuba: str, scufo: str) -> dict[str, PairPrediction]:
    pairs: Pairs = pair(run.predictions[scuba], run.predictions[scufo])
    moving = _columns(run.predictions[scuba], pairs.first)
    static = _columns(run.predictions[scufo], pairs.second)
    rows = zip(*moving, *static, strict=True)
    return {clip: PairPrediction(run.name, *row) for clip, row in zip(pairs.ids, rows, strict=True)}


def _columns(predictions: Predictions, rows: np.ndarray) -> tuple[list, list, list]:
    """Returns the predicted classes of some rows, whether they are correct, and probabilities."""
    # Python lists, because the fields of a pair are plain numbers.
    pred = predictions.pred[rows]
    correct = metrics.accuracy(predictions).values[rows]
    probs = [None] * len(rows)
    if predictions.probs is not None:
        probs = predictions.probs[rows, pred].tolist()
    return pred.tolist(), correct.tolist(), probs
