"""Types that models, methods and the train step share."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol

import jax
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

# A nested dict of arrays; all keys are strings.
Params = Any
# The key of the batch statistics in the weights: running means and variances, which no optimizer
# trains.
BATCH_STATS = "batch_stats"
Metrics = dict[str, Float[Array, ""]]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Batch:
    """A batch of b clips with t frames of h x w pixels, for k classes.

    Optional fields are None unless a method `needs` them. The loader crops and flips them with the
    video.

    Attributes:
      video: uint8 in 0..255 from the loader; float32, normalized by mean and standard deviation,
        for methods.
      target: soft labels; each row sums to 1, so mixed labels need no special case.
      valid: 1 for a clip, 0 for padding and unreadable videos, which losses and metrics leave out.
      index: row of each clip in the data set.
      person_mask: True where a frame shows a person; False everywhere if a video has no masks.
      still: one image per clip, normalized like the video.
      scene: probabilities of s scenes from a scene classifier; 0 for a clip without any.
      clean: the loader's uint8 batch before all transforms, for losses that read it.
    """

    video: Float[Array, "b t h w 3"] | UInt8[Array, "b t h w 3"]
    target: Float[Array, "b k"]
    valid: Float[Array, " b"]
    index: Int[Array, " b"]
    person_mask: Bool[Array, "b t h w"] | None = None
    still: Float[Array, "b h w 3"] | UInt8[Array, "b h w 3"] | None = None
    scene: Float[Array, "b s"] | None = None
    clean: Optional["Batch"] = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outputs:
    """The outputs of a network for a batch of clips, all float32.

    Attributes:
      logits: one score per class.
      features: pooled features, the inputs of the classification head.
      heads: outputs of the method's additional heads by name; empty in evaluation.
      batch_stats: {BATCH_STATS: updated batch statistics} after a training pass; empty in
        evaluation and for networks without batch norm.
    """

    logits: Float[Array, "b k"]
    features: Float[Array, "b d"]
    heads: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    batch_stats: Params = dataclasses.field(default_factory=dict)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """The state that a training step updates.

    Attributes:
      step: number of completed optimizer steps.
      params: trainable parameters.
      opt_state: state of the optimizer.
      model_state: {BATCH_STATS: batch statistics}, or {} for networks without batch norm.
    """

    step: Int[Array, ""]
    params: Params
    opt_state: Any
    model_state: Params = dataclasses.field(default_factory=dict)

    @property
    def weights(self) -> Params:
        """Returns the parameters together with the batch statistics, as `Apply` takes them."""
        return self.params | self.model_state


class Predict(Protocol):
    """A network with its weights closed over."""

    def __call__(
        self,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        /,
        *,
        stands_for: int | None = None,
    ) -> Outputs:
        """Returns the outputs of the network.

        Args:
          video: normalized clips.
          key: random key of dropout and stochastic depth. None selects evaluation, which has
            neither.
          stands_for: for a clip of equal frames, the number of frames of the longer still that it
            stands for. The outputs are then approximately those of the long still. None is the
            clip as it is.
        """
        ...


class Apply(Protocol):
    """A network as a function of its weights."""

    def __call__(
        self,
        weights: Params,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        /,
        *,
        stands_for: int | None = None,
    ) -> Outputs:
        """Returns the outputs of the network.

        Args:
          weights: the parameters and, under BATCH_STATS, the batch statistics of networks that
            have some.
          video: as in `Predict`.
          key: as in `Predict`.
          stands_for: as in `Predict`.
        """
        ...


# Weights and normalised clips -> final tokens, whose mean is the input of the linear head.
Tokens = Callable[[Params, Float[Array, "b t h w 3"]], Float[Array, "b t h w d"]]
# Keeps the shapes and the order of clips: row i is still clip i after mixing.
Transform = Callable[[Batch, Key[Array, ""]], Batch]
# The first `predict` of a loss must be on the moving clips, because its batch statistics are kept.
# Under data parallelism each device computes the terms of its local clips; their sum over devices
# is the loss or metric.
LossFn = Callable[[Predict, Batch, Key[Array, ""]], tuple[Float[Array, ""], Metrics]]
