"""Measures how much an answer of a model depends on the motion of the clip.

Two clips without motion are compared with the clip x: its still x_s, one frame repeated, and a
black clip. For the logit F of the predicted class,

    F(x) - F(black) = [F(x_s) - F(black)] + [F(x) - F(x_s)]
                      appearance            motion

Integrated gradients along black -> still -> clip have these two sums, which need no gradients.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Number of classes that are shown of a prediction.
NUM_BEST = 5
# An answer needs the motion if its probability falls below this share of itself without motion.
NEEDED_SHARE = 0.5


class ClassProb(NamedTuple):
    """A class with its probability.

    Attributes:
      label: number of the class.
      prob: probability, 0 to 1.
    """

    label: int
    prob: float


@dataclasses.dataclass(frozen=True, slots=True)
class MotionUse:
    """The answers of a model for a clip and for its still.

    Attributes:
      moving: the most probable classes of the clip, the first is the answer.
      still: the most probable classes of its still.
      still_prob: probability of the answer in the still, 0 to 1.
      appearance: F(still) - F(black) of the answer's logit F.
      motion: F(clip) - F(still) of the answer's logit F.
      moves: whether the frames of the clip differ.
    """

    moving: tuple[ClassProb, ...]
    still: tuple[ClassProb, ...]
    still_prob: float
    appearance: float
    motion: float
    moves: bool = True

    @property
    def answer(self) -> ClassProb:
        """The most probable class of the clip."""
        return self.moving[0]

    @property
    def changes(self) -> bool:
        """Returns whether the still has another answer."""
        return self.still[0].label != self.answer.label

    @property
    def needs_motion(self) -> bool:
        """Returns whether the answer changes, or loses half of its probability, without motion."""
        return self.changes or self.still_prob < NEEDED_SHARE * self.answer.prob


def motion_use(
    moving: Sequence[Float[np.ndarray, " k"]],
    still: Sequence[Float[np.ndarray, " k"]],
    black: Float[np.ndarray, " k"],
    *,
    moves: bool = True,
) -> MotionUse:
    """Compares the logits of the views of a clip with the logits of their stills.

    Probabilities are means over the views, as in the evaluation of a test set. Appearance and
    motion are means of logits, so that their sum stays F(clip) - F(black).

    Args:
      moving: logits of each view, at least one.
      still: logits of the still of each view.
      black: logits of the black clip.
      moves: whether the frames of a view differ.
    """
    moving_logits = np.stack(moving).astype(np.float64)
    still_logits = np.stack(still).astype(np.float64)
    moving_probs = _softmax(moving_logits).mean(axis=0)
    still_probs = _softmax(still_logits).mean(axis=0)

    best = _best(moving_probs)
    answer = best[0].label
    still_logit = still_logits[:, answer].mean()

    return MotionUse(
        moving=best,
        still=_best(still_probs),
        still_prob=float(still_probs[answer]),
        appearance=float(still_logit - black[answer]),
        motion=float(moving_logits[:, answer].mean() - still_logit),
        moves=moves,
    )


def _softmax(logits: Float[np.ndarray, "v k"]) -> Float[np.ndarray, "v k"]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _best(probs: Float[np.ndarray, " k"]) -> tuple[ClassProb, ...]:
    """Returns the most probable classes; of equal ones, the first class comes first."""
    order = np.argsort(-probs, kind="stable")[:NUM_BEST]
    return tuple(ClassProb(int(label), float(probs[label])) for label in order)


@dataclasses.dataclass(frozen=True, slots=True)
class WindowUse:
    """The answers for one window of a long video.

    Attributes:
      first: number of its first frame.
      last: number of its last frame.
      use: the answers.
    """

    first: int
    last: int
    use: MotionUse


@dataclasses.dataclass(frozen=True)
class VideoUse:
    """The answers for one video.

    Attributes:
      path: path of the video.
      use: the answers for the clip of the evaluation.
      num_frames: frames of the video.
      fps: frames per second; None if unknown, as for a folder of images.
      windows: its time line; empty for a video that is not longer than a clip.
    """

    path: str
    use: MotionUse
    num_frames: int
    fps: float | None = None
    windows: tuple[WindowUse, ...] = ()

    def seconds(self, frame: float) -> float | None:
        """Returns when a frame begins, in seconds; None if the frame rate is unknown."""
        return None if self.fps is None else frame / self.fps
