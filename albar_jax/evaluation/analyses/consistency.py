"""Background-swap consistency: does a model say the same of one video, whatever stands behind its foreground?

The figures take the SCUBA sets of the benchmark, one for each kind of background. The clips of a video are those whose
ids have the same source video (`jump_03__0`, `jump_03__1`, ...), in all of the sets.
"""

from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.predictions import Predictions


def copies(sets: Sequence[Predictions]) -> float | None:
    """Of two clips of a video on two backgrounds of one set, how often both get the same answer, in 0..1.

    All pairs of a video count together, then all videos count equally; None where no video has two copies in a set.
    """
    return _agreement(sets, across=False)


def sets_agree(sets: Sequence[Predictions]) -> float | None:
    """The same for two clips from two different sets (a photograph and stripes); None where no video is in two sets."""
    return _agreement(sets, across=True)


def _agreement(sets: Sequence[Predictions], *, across: bool) -> float | None:
    video, kind, pred = _table(sets)
    cells = kind * (pred.max() + 1) + pred
    # Of n clips, n(n-1)/2 are pairs. Pairs across sets: all of them, less those inside of a set.
    same_set = _pairs(video, kind), _pairs(video, cells)
    every = _pairs(video, np.zeros_like(kind)), _pairs(video, pred)
    pairs, agree = (a - b for a, b in zip(every, same_set, strict=True)) if across else same_set
    counted = pairs > 0
    return float((agree[counted] / pairs[counted]).mean()) if counted.any() else None


def _pairs(video: np.ndarray, group: np.ndarray) -> np.ndarray:
    """For each video, its number of pairs of clips in one group."""
    (owner, _), size = np.unique(np.stack([video, group]), axis=1, return_counts=True)
    return np.bincount(owner, weights=size * (size - 1) / 2, minlength=video.max() + 1)


def original(sets: Sequence[Predictions], iid: Predictions) -> float | None:
    """The share of clips that get the answer of the video they were made from, on its own background, in 0..1.

    Every set counts equally. None where a set has no clip whose source video is in `iid`, as when it names its
    clips otherwise.
    """
    answer = dict(zip(iid.ids, iid.pred.tolist(), strict=True))
    shares = []
    for predictions in sets:
        answers = zip(predictions.ids, predictions.pred.tolist(), strict=True)
        same = [
            answer[source_video(clip)] == pred
            for clip, pred in answers
            if source_video(clip) in answer
        ]
        if not same:
            return None
        shares.append(np.mean(same))
    return float(np.mean(shares))


def always_right(sets: Sequence[Predictions]) -> float:
    """The share of videos of which every clip, on every background, is named right, in 0..1."""
    video, _, pred = _table(sets)
    wrong = pred != np.concatenate([predictions.labels for predictions in sets])
    return float((np.bincount(video, weights=wrong) == 0).mean())


def _table(sets: Sequence[Predictions]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each clip of all sets: the number of its video, the number of its set, its answer; int64 (N,) each."""
    names = [source_video(clip) for predictions in sets for clip in predictions.ids]
    _, video = np.unique(names, return_inverse=True)
    kind = np.repeat(np.arange(len(sets)), [len(predictions) for predictions in sets])
    return video, kind, np.concatenate([predictions.pred for predictions in sets]).astype(np.int64)
