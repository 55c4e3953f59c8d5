"""Defines what a downstream head provides to the training loop."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from jaxtyping import Array, Int

from albar_jax.types import Metrics, Params

# Video id -> name of an array -> the array. MGFN: "scores", float32 (T,), one anomaly score per row
# of the features; "frames_per_score", int32 (). TriDet: "segments", float32 (n, 2) in seconds;
# "scores", float32 (n,); "labels", int32 (n,).
HeadPredictions = Mapping[str, Mapping[str, np.ndarray]]
# Name of an array -> the array, for one batch. All batches of a head have the same shapes.
HostBatch = Mapping[str, np.ndarray]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class HeadState:
    """The state that a training step of a head updates.

    Attributes:
      step: number of completed optimizer steps, int32 ().
      params: trainable parameters, a nested dict of arrays with string keys.
      opt_state: state of the optimizer.
      extra: everything else that training updates, by name, such as "batch_stats", "ema" and
        "loss_normalizer"; {} if there is nothing else.
    """

    step: Int[Array, ""]
    params: Params
    opt_state: Any
    extra: Params = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of a head on the test videos.

    Attributes:
      figures: name -> percentage, 0 to 100; None if it is undefined, such as the AUC of only normal
        frames. The first one is the figure of the paper.
      predictions: the predictions of all test videos.
      notes: sentences about undefined figures, missing videos and clipped events.
    """

    figures: Mapping[str, float | None]
    predictions: HeadPredictions
    notes: tuple[str, ...] = ()


class HeadNetwork(Protocol):
    """The network of a head, which needs no videos."""

    def init(self) -> HeadState:
        """Returns the state before the first step."""
        ...

    def to_torch(self, state: HeadState) -> Mapping[str, np.ndarray]:
        """Returns the weights under the names of the original's `state_dict`."""
        ...

    def from_torch(self, weights: Mapping[str, np.ndarray]) -> HeadState:
        """Returns an initial state with the weights of the original's `state_dict`.

        Raises:
          UserError: a name is missing or unknown, or a shape differs.
        """
        ...


class Head(HeadNetwork, Protocol):
    """A head with its training and test videos.

    Training is a function of the seed: `batch` and `train_step` draw from (seed, step) only. So the
    loop can resume at any step and gives the same bits.

    Attributes:
      name: name of the head, a key of `heads.HEADS`.
      num_steps: number of training steps.
      steps_per_epoch: number of steps of one epoch.
    """

    name: str
    num_steps: int
    steps_per_epoch: int

    def batch(self, step: int) -> HostBatch:
        """Returns the batch of a step, 0 to num_steps - 1, as numpy arrays of fixed shapes."""
        ...

    def train_step(self, state: HeadState, batch: Mapping[str, Array]) -> tuple[HeadState, Metrics]:
        """Returns the next state and scalar metrics; "loss/total" is the loss. Pure, jitted once.

        Args:
          state: the state; `state.step` is the number of the step.
          batch: the arrays of `batch(state.step)`.
        """
        ...

    def evaluate(self, state: HeadState) -> Evaluation:
        """Returns figures and predictions of the test videos."""
        ...


class MakeHead(Protocol):
    """Makes a head of a feature set, a truth, a config and a seed."""

    def __call__(
        self, features: Any, truth: Any, config: Any, seed: int, /, *, for_training: bool = True
    ) -> Head:
        """Returns the head.

        Args:
          features: the features.
          truth: the annotations.
          config: the recipe.
          seed: seed of the training.
          for_training: whether the head will be trained. Otherwise `num_steps` may be 0, because a
            test needs no training videos.
        """
        ...


@dataclasses.dataclass(frozen=True)
class HeadKind:
    """A kind of head, with the functions that make and evaluate it.

    Attributes:
      title: name of the head in texts, such as "MGFN".
      task: task of the head, such as "UCF-Crime anomaly detection".
      config: frozen dataclass of the recipe, with a default for each field. The metadata entry
        "help" of a field describes it. Its `__post_init__` raises UserError for invalid values.
      make: makes the head.
      make_network: returns the network of (config, width of the features, number of classes).
      read_truth: reads the annotations that `albar prepare` writes.
      evaluate: returns figures and notes of predictions, also of other programs; numpy only.
      read_predictions: reads the predictions of other programs for a truth.
      with_frames: states how many frames each score of another program stands for, and checks their
        number: (predictions, truth, frames per score, number of frames of known videos) ->
        predictions. None if predictions are in seconds.
      evaluate_published: the same as `evaluate` with the oddities of the published evaluation; None
        if it has none.
      tests_each_epoch: whether the head is tested after each epoch, so that "best on test" can be
        reported beside "last", as MGFN does.
    """

    title: str
    task: str
    config: type
    make: MakeHead
    make_network: Callable[[Any, int, int], HeadNetwork]
    read_truth: Callable[[Path], Any]
    evaluate: Callable[[Any, HeadPredictions], Evaluation]
    read_predictions: Callable[[Path, Any], HeadPredictions]
    with_frames: Callable[[HeadPredictions, Any, int, Mapping[str, int]], HeadPredictions] | None
    evaluate_published: Callable[[Any, HeadPredictions], Evaluation] | None
    tests_each_epoch: bool
