"""Defines how a model is audited: the frames that it wants, its classes, and its answers."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Protocol

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from albar_jax.data.clip_reader import ClipSpec, FrameOrder

# The answer to one clip: the probabilities of the model's classes, float32 (K,); or the number of
# one class; or None if the model abstains.
Answer = np.ndarray | int | None


@dataclasses.dataclass(frozen=True)
class Sampling:
    """The frames of a video that a model wants.

    Attributes:
      num_frames: frames of a clip, T; None takes all frames.
      fps: frames per second at which the clip is sampled; None for another rule.
      stride: distance of two frames of the clip, in frames of the video; None for another rule.
        Without `fps` and `stride`, the frames are spread evenly over the whole video.
    """

    num_frames: int | None = None
    fps: float | None = None
    stride: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecifiedClips(Sampling):
    """The clips that a config of this package specifies, cropped and scaled.

    Attributes:
      specs_of: returns the views of a video, given the task and the order of the frames.
      in_words: describes the views, given the task.
      batch_size: clips in a batch.
    """

    specs_of: Callable[[str, "FrameOrder"], Sequence["ClipSpec"]]
    in_words: Callable[[str], str]
    batch_size: int


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a model, from flags or from `?option=value` after its location.

    None stands for the model's own value. A kind of model refuses options that it does not use.

    Attributes:
      weights: name or file of the weights.
      classes: file with the names of the model's classes, one per line.
      frames: frames of a clip.
      fps: frames per second of a clip.
      stride: distance of two frames of a clip, in frames of the video.
      size: height and width of the clips that the network takes, in pixels.
      mean: mean of each color that is subtracted, for pixels in 0..1.
      std: standard deviation of each color, for pixels in 0..1.
      device: device of the framework, such as "cpu" or "cuda:1"; None takes all.
      dtype: floating-point type of the network, such as "float16".
      seed: random seed of random weights.
      revision: revision of a model on a hub.
      checkpoint: checkpoint of a training run: "best", "last" or a step.
      layout: axes of the network's input, such as "NCTHW".
      outputs: meaning of the network's outputs, "probabilities" or "logits".
      config: config of the test sets and their views, for training runs.
    """

    weights: str | None = None
    classes: Path | None = None
    frames: int | None = None
    fps: float | None = None
    stride: int | None = None
    size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    device: str | None = None
    dtype: str | None = None
    seed: int | None = None
    revision: str | None = None
    checkpoint: str | None = None
    layout: str | None = None
    outputs: str | None = None
    config: Optional["ConfigDict"] = None


@dataclasses.dataclass(frozen=True)
class PredictionFolder:
    """A model that is not asked, because its predictions exist.

    Attributes:
      folder: folder of its predictions, or of folders of several models.
    """

    folder: Path


class AuditModel(Protocol):
    """A model that classifies clips.

    Attributes:
      name: name of the model in tables.
      classes: names of its outputs, in order; None if they are the classes of the test set.
      sampling: the frames that it wants.
      fingerprint: hexadecimal digest of the weights and of all settings that change answers. Kept
        answers of another fingerprint are not used.
      keeps_answers: whether the fingerprint covers the weights, so that answers may be kept for
        other commands. Otherwise they are kept only until the command has finished.
    """

    name: str
    classes: tuple[str, ...] | None
    sampling: Sampling
    fingerprint: str
    keeps_answers: bool

    def answer(self, clips: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> list[Answer]:
        """Returns the answer to each clip.

        Args:
          clips: RGB clips in 0..255. They may differ in size; the model scales, crops and
            normalizes them.
        """
        ...
