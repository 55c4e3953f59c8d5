"""TriDet as a downstream head: training, test, and weights of the original."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key
from tqdm import tqdm

from albar_jax.downstream.base import Evaluation, HeadState, HostBatch
from albar_jax.downstream.tridet import evaluation, grid
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.inference import candidates_of, make_predict
from albar_jax.downstream.tridet.losses import losses
from albar_jax.downstream.tridet.network import create, pyramid_of
from albar_jax.downstream.tridet.nms import suppress
from albar_jax.downstream.tridet.optimizer import adamw, learning_rates, moving_average
from albar_jax.downstream.tridet.targets import assign
from albar_jax.downstream.tridet.videos import TridetVideos, collect
from albar_jax.downstream.tridet.weight_names import TRIDET, params_of
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.segments import LabelledSegments, SegmentTruth
from albar_jax.types import Metrics, Params
from albar_jax.weights.state_dicts import to_state_dict

# Numbers of the random streams of a seed; `grid.epoch_order` uses stream 0.
_CUTS = 1


class TridetNetwork:
    """TriDet with initial weights; implements `downstream.base.HeadNetwork`.

    Args:
      config: recipe.
      width: channels of the features.
      num_classes: number of classes.
      seed: seed of the initial weights.
      steps_per_epoch: steps of an epoch of the training; 0 without a training.
    """

    def __init__(
        self,
        config: TridetConfig,
        width: int,
        num_classes: int,
        seed: int = 0,
        steps_per_epoch: int = 0,
    ):
        self.config = config
        self._sizes = width, num_classes
        self._apply, self._initial = create(config, *self._sizes, jax.random.key(seed))
        self._optimizer = adamw(learning_rates(config, steps_per_epoch), config)

    def init(self) -> HeadState:
        """Returns the state before the first step."""
        return self._state(self._initial)

    def to_torch(self, state: HeadState) -> Mapping[str, np.ndarray]:
        """Returns the moving average of the weights under the names of the original."""
        return to_state_dict(state.extra["ema"], TRIDET)

    def from_torch(self, weights: Mapping[str, np.ndarray]) -> HeadState:
        """Returns an initial state with the weights of the original; see `HeadNetwork`."""
        params = params_of(weights, self.config, *self._sizes, "the state dict")
        return self._state(jax.tree.map(jnp.asarray, params))

    def _state(self, params: Params) -> HeadState:
        extra = {
            # A copy, because the training step donates its state.
            "ema": jax.tree.map(jnp.copy, params),
            "loss_normalizer": jnp.float32(self.config.first_normalizer),
        }
        opt_state = self._optimizer.init(params)
        return HeadState(jnp.zeros((), jnp.int32), params, opt_state, extra)


class TridetHead(TridetNetwork):
    """TriDet with its training and test videos; implements `downstream.base.Head`.

    The test uses the moving average of the weights. The running normaliser of the loss is part of
    the state, so a resumed training is exact; the original's checkpoints lack it.

    Args:
      features: features of all videos, of one crop.
      truth: the annotated segments.
      config: recipe.
      seed: seed of weights, order, cuts, noise and stochastic depth.
      for_training: whether the head will be trained; a test needs no training videos.

    Raises:
      UserError: features and truth do not fit; see `videos.collect`.
    """

    name = "tridet"

    def __init__(
        self,
        features: FeatureSet,
        truth: SegmentTruth,
        config: TridetConfig,
        seed: int,
        *,
        for_training: bool = True,
    ):
        self.truth = truth
        self.videos: TridetVideos = collect(features, truth, config, for_training=for_training)
        self.steps_per_epoch = len(self.videos.train) // config.batch_size
        self.num_steps = config.epochs * self.steps_per_epoch

        num_classes = len(truth.classes)
        super().__init__(config, features.width, num_classes, seed, self.steps_per_epoch)
        self._seed = seed
        self._pyramid = pyramid_of(config, config.max_seq_len)
        self._predict = make_predict(self._apply, config)

    def batch(self, step: int) -> HostBatch:
        """Returns the padded features and the targets of a step.

        Returns:
          "features" (b, t, d), "mask" (b, t), "classes" (b, p, c) and "offsets" (b, p, 2).
        """
        epoch, number = divmod(step, self.steps_per_epoch)
        order = grid.epoch_order(len(self.videos.train), self._seed, epoch)
        first = number * self.config.batch_size

        # Each sample of each step has its own generator.
        samples = []
        for place, row in enumerate(order[first : first + self.config.batch_size]):
            generator = grid.generator_of(self._seed, _CUTS, step, place)
            samples.append(self._sample(self.videos.train[row], generator))

        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def train_step(self, state: HeadState, batch: Mapping[str, Array]) -> tuple[HeadState, Metrics]:
        """Returns the next state and the metrics; see `Head.train_step`."""
        # A function of (seed, step), so a resumed training draws the same numbers.
        key = jax.random.fold_in(jax.random.key(self._seed), state.step)
        k_noise, k_depth = jax.random.split(key)
        features = with_noise(batch["features"], self.config.input_noise, k_noise)

        def loss(params: Params):
            outputs = self._apply(params, features, batch["mask"], k_depth)
            normalizer = state.extra["loss_normalizer"]
            return losses(outputs, batch["classes"], batch["offsets"], normalizer, self.config)

        # The normaliser counts the positive points of each step.
        gradients, (metrics, normalizer) = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = self._optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        average = moving_average(state.extra["ema"], params, self.config.ema_decay)

        metrics["optim/gradient_norm"] = optax.tree.norm(gradients)
        extra = {"ema": average, "loss_normalizer": normalizer}
        return HeadState(state.step + 1, params, opt_state, extra), metrics

    def evaluate(self, state: HeadState) -> Evaluation:
        """Returns the mean average precision and the segments of the test videos."""
        predictions = {}
        for video in tqdm(self.videos.test, desc="test", unit="video", leave=False):
            predictions[video.id] = self._segments(state.extra["ema"], video)

        result = evaluation.evaluate(self.truth, predictions)
        return dataclasses.replace(result, notes=(*self.videos.notes, *result.notes))

    def _sample(
        self, video: LabelledSegments, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        sample = self.videos.sample(video, self.config, generator)
        features, mask = grid.padded(sample.rows, self.config.max_seq_len)
        targets = assign(sample.segments, sample.labels, self._pyramid, self.config, self._sizes[1])
        return {
            "features": features,
            "mask": mask,
            "classes": targets.classes,
            "offsets": targets.offsets,
        }

    def _segments(self, params: Params, video: LabelledSegments) -> dict[str, np.ndarray]:
        """Returns the predicted segments of a test video in seconds."""
        rows = self.videos.rows(video)
        place = self.videos.grid
        windows = grid.windows(len(rows), self.config, video.id, place.hop)
        candidates = candidates_of(self._predict, params, rows, windows, self.config)
        best = suppress(candidates, self.config)

        return {
            "segments": place.seconds(best.segments, video.fps, video.duration),
            "scores": best.scores,
            "labels": best.labels,
        }


def with_noise(
    features: Float[Array, "b t d"], sd: float, key: Key[Array, ""]
) -> Float[Array, "b t d"]:
    """Adds normal noise to training features, padding included, as the original does.

    Args:
      features: padded features.
      sd: standard deviation of the noise, >= 0.
      key: random key.
    """
    return features + sd * jax.random.normal(key, features.shape, features.dtype)
