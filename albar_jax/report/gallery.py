"""Chooses the pairs of clips that a report shows, with the predictions of each model."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import Suite
from albar_jax.report.clip_pairs import ClipPair, PairPrediction, predictions_by_id

# Shortcuts are chosen from this many stills with the highest confidence.
_NUM_CONFIDENT = 10


@dataclasses.dataclass(frozen=True)
class Limits:
    """Maximum numbers of pairs to choose.

    Attributes:
      shortcuts: pairs for each model with a still that it classifies correctly.
      disagreeing: pairs on which the models disagree.
      typical: most frequent combinations of verdicts.
      at_most: pairs in total. Up to it, each class without a pair gets one.
    """

    shortcuts: int = 2
    disagreeing: int = 3
    typical: int = 2
    at_most: int = 16


def choose_pairs(
    suite: Suite, runs: Sequence[ModelRun], *, best: str | None = None, limits: Limits = Limits()
) -> tuple[ClipPair, ...]:
    """Chooses pairs by rules, without randomness.

    The rules apply in this order:
      1. Shortcuts of each model, from the ten correct stills with the highest confidence.
      2. Pairs on which the models disagree most.
      3. A pair on which the model `best` fails.
      4. Pairs with the most frequent combinations of verdicts.
      5. One pair of each class that is not shown yet, so that every class can be chosen.

    A rule prefers classes that are not shown yet, then the first id.

    Args:
      suite: the benchmark.
      runs: one run of each model.
      best: name of the model with the highest contrasted accuracy; None without such a model.
      limits: maximum numbers of pairs.

    Returns:
      Pairs that every run has predicted, on the first background with predictions of all runs.
      Without such a background, ordinary test clips with their middle frames. Empty without these.
    """
    for scuba, scufo in _kinds_of_pairs(suite):
        # All models must have predictions for the same pairs.
        if all({scuba, scufo} <= set(run.predictions) for run in runs):
            chosen = _choose_from(scuba, scufo, runs, best, limits)
            is_plain = scuba == suite.iid
            return tuple(dataclasses.replace(pair, is_plain=is_plain) for pair in chosen)

    return ()


def _kinds_of_pairs(suite: Suite) -> list[tuple[str, str]]:
    """Returns the tasks (moving clips, stills) of each kind of pairs, the preferred first."""
    return [*suite.pairs, (suite.iid, suite.temporal_tasks["static"])]


def _choose_from(
    scuba: str, scufo: str, runs: Sequence[ModelRun], best: str | None, limits: Limits
) -> tuple[ClipPair, ...]:
    """Chooses pairs of one background."""
    models = []
    for run in runs:
        models.append(predictions_by_id(run, scuba, scufo))
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
    _add_missing_classes(reason_of, sorted(common), label_of, limits.at_most)

    chosen = []
    for clip, reason in reason_of.items():
        predictions = tuple(model[clip] for model in models)
        chosen.append(ClipPair(clip, scuba, scufo, label_of[clip], reason, predictions))

    return tuple(chosen)


def _add_missing_classes(
    reason_of: dict[str, str], ids: Sequence[str], label_of: Mapping[str, int], at_most: int
) -> None:
    """Adds the first pair of each class that is not shown, up to a number of pairs in total."""
    shown_classes = {label_of[clip] for clip in reason_of}
    for clip in ids:
        if len(reason_of) >= at_most:
            return
        if label_of[clip] not in shown_classes:
            shown_classes.add(label_of[clip])
            reason_of[clip] = "The first clip of a class that is not shown above"


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
                failures = [clip for clip in self.ids if not model[clip].needs_motion]
                yield f"{best}, the highest in contrasted accuracy, fails", failures
        yield from self._typical(limits.typical)

    def _name(self, model: dict[str, PairPrediction]) -> str:
        return model[self.ids[0]].model

    def _most_confident(self, model: dict[str, PairPrediction]) -> list[str]:
        """Returns the shortcuts with the highest probabilities; without these, the first."""
        correct = [clip for clip in self.ids if model[clip].is_shortcut]
        correct.sort(key=lambda clip: -(model[clip].static_sure or 0))
        return correct[:_NUM_CONFIDENT]

    def _split(self) -> list[str]:
        """Returns the ids on which the models disagree most; none if all models always agree."""
        ids_of: dict[int, list[str]] = {}
        for clip in self.ids:
            hits = sum(model[clip].needs_motion for model in self.models)
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
