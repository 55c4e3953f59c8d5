"""Which pairs of clips a report shows, and what each model said about them."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.pairing import Pairs, pair
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import Suite

VERDICTS = {
    (True, False): "needs the motion",
    (True, True): "a still was enough",
    (False, True): "only the still",
    (False, False): "not recognised",
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one model said about a moving clip and about its still: classes, whether right, how sure, the verdict.

    The two probabilities of the answers, in 0..1, are None where they are not known.
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
        """The pair of answers in words."""
        return VERDICTS[self.moving_right, self.static_right]


@dataclasses.dataclass(frozen=True)
class Example:
    """A pair of clips worth a look: `id` in the tasks `scuba` and `scufo`, and why it was chosen."""

    id: str
    scuba: str
    scufo: str
    label: int
    reason: str
    answers: tuple[Answer, ...]


def choose(
    suite: Suite,
    runs: Sequence[ModelRun],
    *,
    best: str | None = None,
    short_cuts: int = 2,
    disagreeing: int = 3,
    typical: int = 2,
) -> tuple[Example, ...]:
    """Chooses pairs by rule, never by hand: no randomness, ties go to classes not yet shown, then to the id.

    Taken are short cuts of each model, from the ten stills that it is surest of and right about; the pairs on which
    the models disagree most; one where `best` fails, the model with the highest contrasted accuracy, if one has it; and
    the most frequent patterns of answers. Only pairs that every run has answered take part, on the first background for
    which all runs have answers; without one there is nothing to show.
    """
    for scuba, scufo in suite.pairs:
        if all({scuba, scufo} <= set(run.predictions) for run in runs):
            return _choose(scuba, scufo, runs, best, (short_cuts, disagreeing, typical))
    return ()


def _choose(
    scuba: str, scufo: str, runs: Sequence[ModelRun], best: str | None, wanted: tuple[int, int, int]
) -> tuple[Example, ...]:
    pairs = [pair(run.predictions[scuba], run.predictions[scufo]) for run in runs]
    answers = [_answers(run, scuba, scufo, joined) for run, joined in zip(runs, pairs, strict=True)]
    labels = dict(
        zip(pairs[0].ids, runs[0].predictions[scuba].labels[pairs[0].first].tolist(), strict=True)
    )
    ids = sorted(set.intersection(*(set(joined.ids) for joined in pairs)))
    if not ids:
        return ()
    chosen: dict[str, str] = {}
    for reason, candidates in _groups(ids, answers, best, *wanted):
        fresh = [clip for clip in candidates if clip not in chosen]
        shown = {labels[clip] for clip in chosen}
        if fresh:
            chosen[min(fresh, key=lambda clip: labels[clip] in shown)] = (
                reason  # min keeps the first of equals
            )
    return tuple(
        Example(clip, scuba, scufo, labels[clip], reason, tuple(model[clip] for model in answers))
        for clip, reason in chosen.items()
    )


def _groups(
    ids: list[str],
    answers: list[dict[str, Answer]],
    best: str | None,
    short_cuts: int,
    disagreeing: int,
    typical: int,
):
    """Yields (reason, clips that fit it) for each example that is wanted."""
    for model in answers:
        surest = _surest(ids, model)
        for _ in range(short_cuts):
            yield f"A short cut of {model[ids[0]].model}, which names the still", surest
    hits = np.array(
        [[model[clip].verdict == VERDICTS[True, False] for clip in ids] for model in answers]
    )
    split = hits.sum(axis=0) * (
        len(answers) - hits.sum(axis=0)
    )  # largest where half the models are right
    if split.max() > 0:
        most = [clip for clip, value in zip(ids, split, strict=True) if value == split.max()]
        for _ in range(disagreeing):
            yield "The models disagree most", most
    for model, hit in zip(answers, hits, strict=True):
        if model[ids[0]].model == best:
            failures = [clip for clip, right in zip(ids, hit, strict=True) if not right]
            yield f"{best}, the highest in contrasted accuracy, fails", failures
    patterns = {clip: tuple(model[clip].verdict for model in answers) for clip in ids}
    for pattern, count in Counter(patterns.values()).most_common(typical):
        reason = (
            f"Typical: {100 * count / len(ids):.0f}\u00a0% of the clips were answered in this way"
        )
        yield reason, [clip for clip in ids if patterns[clip] == pattern]


def _surest(ids: list[str], model: dict[str, Answer], count: int = 10) -> list[str]:
    """The stills named right, the surest first; in the order of the ids where probabilities are not known."""
    right = [clip for clip in ids if model[clip].static_right]
    return sorted(right, key=lambda clip: -(model[clip].static_sure or 0))[:count]


def _answers(run: ModelRun, scuba: str, scufo: str, pairs: Pairs) -> dict[str, Answer]:
    columns = (
        *_said(run.predictions[scuba], pairs.first),
        *_said(run.predictions[scufo], pairs.second),
    )
    return {
        clip: Answer(run.name, *row)
        for clip, row in zip(pairs.ids, zip(*columns, strict=True), strict=True)
    }


def _said(predictions: Predictions, rows: np.ndarray) -> tuple[list, list, list]:
    """The answers of these rows, whether they are right, how sure they are."""
    pred = predictions.pred[rows]
    known = predictions.probs is not None
    sure = predictions.probs[rows, pred].tolist() if known else [None] * len(rows)
    return pred.tolist(), metrics.accuracy(predictions).values[rows].tolist(), sure
