"""MGFN as a head that the training loop trains; see `base.Head`."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Array

from albar_jax.downstream.base import Evaluation, HeadState, HostBatch
from albar_jax.downstream.listed_videos import check_test_videos, left_out_note
from albar_jax.downstream.mgfn import network, training
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.evaluation import REPEATS, SCORES, evaluate
from albar_jax.downstream.mgfn.names import MGFN
from albar_jax.downstream.mgfn.scoring import Scorer
from albar_jax.downstream.mgfn.train_videos import TrainVideos
from albar_jax.features.anomaly import AnomalyVideo
from albar_jax.features.feature_set import FeatureSet
from albar_jax.types import Metrics
from albar_jax.weights.name_tables import COUNTER
from albar_jax.weights.state_dicts import from_state_dict, to_state_dict


class MgfnNetwork:
    """The network of MGFN with initial weights; see `base.HeadNetwork`.

    Args:
      config: recipe.
      width: channels of the features.
      num_classes: ignored; MGFN learns no classes.
      seed: seed of the initial weights.
    """

    def __init__(self, config: MgfnConfig, width: int, num_classes: int = 0, seed: int = 0):
        self._config = config
        # One key for the weights; the step draws its masks from (seed, step).
        key = jax.random.fold_in(jax.random.key(seed), np.uint32(0xFFFFFFFF))
        self._apply, self._weights = network.create(config, width, key)

    def init(self) -> HeadState:
        """Returns the state before the first step."""
        return training.init_state(self._config, self._weights)

    def to_torch(self, state: HeadState) -> Mapping[str, np.ndarray]:
        """Returns float32 weights, and int64 counters of batches, by the original's names."""
        weights = to_state_dict(state.params | state.extra, MGFN)
        for name in list(weights):
            module, _, leaf = name.rpartition(".")
            if leaf == "running_mean":
                weights[f"{module}.{COUNTER}"] = np.array(state.step, np.int64)

        return weights

    def from_torch(self, weights: Mapping[str, np.ndarray]) -> HeadState:
        """Returns an initial state with the weights and running statistics of the original.

        Raises:
          UserError: a name is missing or unknown, or a shape differs.
        """
        state = from_state_dict(weights, MGFN, self._weights, "the state dict")
        return training.init_state(self._config, state)


class MgfnHead(MgfnNetwork):
    """MGFN with the features of its training and test videos.

    Training videos without features are left out, with a note. Test videos without features are an
    error, because results on other videos are not comparable.

    Args:
      features: features of the videos.
      videos: annotated videos; a batch follows their order.
      config: recipe.
      seed: seed of the initial weights, the masks of the selection and the order of videos.
      for_training: whether the head will be trained; a test needs no training videos.

    Raises:
      UserError: there are no test videos, or test videos without features. For a training, also if
        there are too few videos of a class, or the batch size does not suit the number of crops.
    """

    name = "mgfn"

    def __init__(
        self,
        features: FeatureSet,
        videos: Sequence[AnomalyVideo],
        config: MgfnConfig,
        seed: int,
        *,
        for_training: bool = True,
    ):
        has_features = set(features.names)
        train, test, left_out = [], [], []
        for video in videos:
            if video.split == "test":
                test.append(video)
            else:
                (train if video.id in has_features else left_out).append(video)
        check_test_videos([video.id for video in test], features)

        super().__init__(config, features.width, seed=seed)
        self._videos = videos
        self._hop = features.info.windows.hop
        self._notes = ()
        if left_out:
            self._notes = (left_out_note([video.id for video in left_out]),)

        self._train_videos = TrainVideos(
            features,
            [video.id for video in train if not video.is_abnormal],
            [video.id for video in train if video.is_abnormal],
            config,
            seed,
        )
        if for_training:
            self._train_videos.check()
        self.steps_per_epoch = self._train_videos.steps_per_epoch
        self.num_steps = config.epochs * self.steps_per_epoch

        self._step = training.make_train_step(self._apply, config, seed)
        self._score = Scorer(self._apply, features, config, [video.id for video in test])

    def batch(self, step: int) -> HostBatch:
        """Returns normal videos, then as many abnormal ones, float32 (2 b, crops, t, c)."""
        return {training.VIDEOS: self._train_videos.batch(step)}

    def train_step(self, state: HeadState, batch: Mapping[str, Array]) -> tuple[HeadState, Metrics]:
        """Returns the next state and scalar metrics."""
        return self._step(state, batch)

    def evaluate(self, state: HeadState) -> Evaluation:
        """Returns the figures of the test videos, in percent, and the score of each row."""
        scores = self._score(state.params | state.extra)
        # One score stands for the frames until the next row.
        repeats = np.array(self._hop, np.int32)
        predictions = {name: {SCORES: rows, REPEATS: repeats} for name, rows in scores.items()}
        evaluation = evaluate(self._videos, predictions)
        return Evaluation(
            evaluation.figures, evaluation.predictions, self._notes + evaluation.notes
        )
