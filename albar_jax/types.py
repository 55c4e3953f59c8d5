"""The few types that models, methods and the train step share."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Optional

import jax
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

Params = Any  # a nested dict of arrays, all keys strings
BATCH_STATS = "batch_stats"  # the key of what a network counts along and does not learn: running means and variances
Metrics = dict[str, Float[Array, ""]]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch of clips.

    `video` is uint8 in 0..255 from the loader; methods get it as float, normalised by mean and
    standard deviation. Targets are always soft (rows sum to 1), so mixed labels need no special
    case. `valid` is 0 for padding and unreadable videos, which no loss or metric counts. The loader
    provides optional fields if a method `needs` them, cropped and flipped with the video.
    `person_mask` marks persons in each frame (all 0 without masks). `still` is one picture,
    normalised as the video. `scene` holds the probabilities of a scene classifier. `clean` is the
    loader's uint8 batch before any transform, kept by the training step for losses that read it.
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
    """What a model says of a batch of clips, all float32.

    `logits` are of the classes, `features` the pooled ones below the head; `heads` what the heads say that a method
    brought, by their names; `running` the running statistics after this pass, empty for networks that have none.
    """

    logits: Float[Array, "b k"]
    features: Float[Array, "b d"]
    heads: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    running: Params = dataclasses.field(default_factory=dict)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """All that a training step changes: `model_state` are the running statistics, {} for networks without any."""

    step: Int[Array, ""]
    params: Params
    opt_state: Any
    model_state: Params = dataclasses.field(default_factory=dict)

    @property
    def weights(self) -> Params:
        """What a model is evaluated with: the parameters and, beside them, the running statistics."""
        return self.params | self.model_state


# A model with its parameters closed over. Key None means evaluation: no dropout, no stochastic depth.
Predict = Callable[[Float[Array, "b t h w 3"], Key[Array, ""] | None], Outputs]
# The same with the weights as first argument: the parameters and, under BATCH_STATS, the statistics of those who have any.
Apply = Callable[[Params, Float[Array, "b t h w 3"], Key[Array, ""] | None], Outputs]
# Same shapes and same order of clips: whatever is mixed, row i is still clip i.
Transform = Callable[[Batch, Key[Array, ""]], Batch]
# The first pass is of the moving clips: the running statistics of a network that has any are those after it. Of a
# batch that devices share, each has its own clips and finds its summand of the loss and of each metric.
LossFn = Callable[[Predict, Batch, Key[Array, ""]], tuple[Float[Array, ""], Metrics]]
