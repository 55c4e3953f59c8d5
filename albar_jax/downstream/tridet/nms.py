"""Non-maximum suppression of segments, with numpy.

Source: dingfengshi/TriDet, libs/utils/nms.py and the C++ extension behind it.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from albar_jax.downstream.tridet.config import TridetConfig

# The original adds it to each length.
_LENGTH_EPSILON = np.float32(1e-6)


# Arrays have no truth value, so candidates are not compared.
@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """Predicted segments of one video.

    Attributes:
      segments: starts and ends, float32, in grid steps or seconds.
      scores: scores from 0 to 1, float32.
      labels: class numbers, int32.
    """

    segments: Float[np.ndarray, "n 2"]
    scores: Float[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]

    def take(self, rows: np.ndarray) -> "Candidates":
        """Returns the candidates of a mask or of numbers, in their order."""
        return Candidates(self.segments[rows], self.scores[rows], self.labels[rows])


def joined(parts: list[Candidates]) -> Candidates:
    """Returns the candidates of several lists as one."""
    return Candidates(
        np.concatenate([part.segments for part in parts]).reshape(-1, 2).astype(np.float32),
        np.concatenate([part.scores for part in parts]).astype(np.float32),
        np.concatenate([part.labels for part in parts]).astype(np.int32),
    )


def suppress(candidates: Candidates, config: TridetConfig) -> Candidates:
    """Returns the candidates that remain, with their new scores, the best first.

    Args:
      candidates: segments in grid steps.
      config: kind of NMS, its thresholds, and the most segments of a class and of the video.
    """
    if not len(candidates.scores):
        return candidates

    # Without groups, a segment also lowers the scores of other classes.
    groups = [candidates]
    if config.per_class:
        classes = np.unique(candidates.labels)
        groups = [candidates.take(candidates.labels == label) for label in classes]

    remove = _soft if config.nms == "soft" else _hard
    remaining = joined([remove(group, config) for group in groups])
    if not config.per_class and config.voting_iou > 0:
        voted = _voted(remaining.segments, candidates, config.voting_iou)
        remaining = dataclasses.replace(remaining, segments=voted)

    best = np.argsort(-remaining.scores, kind="stable")[: config.most_segments]
    return remaining.take(best)


def _soft(group: Candidates, config: TridetConfig) -> Candidates:
    """Lowers the scores of segments that overlap a better one. (Bodla et al., ICCV 2017)

    The score is multiplied by exp(-IoU^2 / sigma), and a segment below the threshold is dropped.
    The IoU threshold of the config is not used.
    """
    segments, scores = group.segments, group.scores.copy()
    rest = np.arange(len(scores))
    order, chosen_scores = [], []
    while len(rest) and len(order) < config.most_segments:
        best = scores[rest].argmax()
        chosen = rest[best]
        order.append(chosen)
        chosen_scores.append(scores[chosen])

        # The remaining segments are scored anew.
        rest = np.delete(rest, best)
        overlap = _iou(segments[chosen], segments[rest], _LENGTH_EPSILON)
        scores[rest] *= np.exp(-(overlap**2) / np.float32(config.nms_sigma))
        rest = rest[scores[rest] >= config.score_threshold]

    result = group.take(np.array(order, np.int64))
    return dataclasses.replace(result, scores=np.array(chosen_scores, np.float32))


def _hard(group: Candidates, config: TridetConfig) -> Candidates:
    """Drops segments whose IoU with a better one reaches the threshold."""
    group = group.take(group.scores > config.score_threshold)
    rest = np.argsort(-group.scores, kind="stable")
    order = []
    while len(rest) and len(order) < config.most_segments:
        best, rest = rest[0], rest[1:]
        order.append(best)
        overlap = _iou(group.segments[best], group.segments[rest], _LENGTH_EPSILON)
        rest = rest[overlap < config.nms_iou]

    return group.take(np.array(order, np.int64))


def _voted(
    segments: Float[np.ndarray, "n 2"], candidates: Candidates, threshold: float
) -> Float[np.ndarray, "n 2"]:
    """Replaces each segment by the mean of the candidates near it, weighted by score."""
    overlap = _iou(segments[:, None], candidates.segments, np.float32(0))
    weight = (overlap >= threshold) * candidates.scores
    total = weight.sum(axis=1, keepdims=True)
    voted = weight @ candidates.segments / np.where(total > 0, total, 1)

    # A segment of no length overlaps nothing, not even itself.
    return np.where(total > 0, voted, segments).astype(np.float32)


def _iou(
    one: Float[np.ndarray, "... 2"], others: Float[np.ndarray, "n 2"], epsilon: np.float32
) -> Float[np.ndarray, "... n"]:
    """Returns the IoU of segments, with `epsilon` added to each length."""
    start = np.maximum(one[..., 0], others[:, 0])
    end = np.minimum(one[..., 1], others[:, 1])
    overlap = np.maximum(end - start, 0)

    lengths = (one[..., 1] - one[..., 0] + epsilon) + (others[:, 1] - others[:, 0] + epsilon)
    union = lengths - overlap
    return overlap / np.where(union > 0, union, 1)
