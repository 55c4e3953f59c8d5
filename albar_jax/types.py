"""The few types that models, methods and the train step share."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float, Int, Key, UInt8

Params = Any  # a nested dict of arrays, all keys strings
Metrics = dict[str, Float[Array, ""]]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch of clips.

    `video` is uint8 in 0..255 as the loader makes it, and float, normalised by mean and standard deviation, by the
    time that a method sees it. Targets are always soft (rows that sum to 1), so that mixed labels need no special
    case. `valid` is 0 for padding and for unreadable videos, which no loss or metric counts. The optional fields
    are brought by the loader when a method `needs` them, cropped and flipped jointly with the video.
    """

    video: Float[Array, "b t h w 3"] | UInt8[Array, "b t h w 3"]
    target: Float[Array, "b k"]
    valid: Float[Array, " b"]
    index: Int[Array, " b"]
    person_mask: Float[Array, "b t h w"] | None = None
    still: Float[Array, "b h w 3"] | UInt8[Array, "b h w 3"] | None = None
    scene: Float[Array, "b s"] | None = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outputs:
    """What a model says of a batch of clips: class logits and the pooled features below the head, float32."""

    logits: Float[Array, "b k"]
    features: Float[Array, "b d"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """All that a training step changes."""

    step: Int[Array, ""]
    params: Params
    opt_state: Any


# A model with its parameters closed over. Key None means evaluation: no dropout, no stochastic depth.
Predict = Callable[[Float[Array, "b t h w 3"], Key[Array, ""] | None], Outputs]
# The same with the parameters as first argument.
Apply = Callable[[Params, Float[Array, "b t h w 3"], Key[Array, ""] | None], Outputs]
# Same shapes and same order of clips: whatever is mixed, row i is still clip i.
Transform = Callable[[Batch, Key[Array, ""]], Batch]
LossFn = Callable[[Predict, Batch, Key[Array, ""]], tuple[Float[Array, ""], Metrics]]
