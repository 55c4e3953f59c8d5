"""Asks a model that was trained here, in WORKDIR; its answers are those of `albar evaluate`."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from albar_jax import wiring
from albar_jax.audit.models import digest
from albar_jax.audit.models.base import Answer, Options, SpecifiedClips
from albar_jax.config import Config
from albar_jax.data.clip_reader import ClipSpec, FrameOrder
from albar_jax.evaluation.audit import folder_name
from albar_jax.files import local_path
from albar_jax.parallel.feed import to_batch
from albar_jax.parallel.mesh import check_divisible, data_mesh
from albar_jax.train.step import make_eval_step
from albar_jax.wiring import trained_models
from albar_jax.wiring.encoder import weights_hash
from albar_jax.wiring.trained_models import Trained


class RunModel:
    """A trained model of this package; see `base.AuditModel`."""

    keeps_answers = True

    def __init__(self, trained: Trained):
        self._config = _with_temporal_tests(trained.config)
        self._mesh = data_mesh()
        check_divisible(self._config.eval.batch_size, self._mesh, "config.eval.batch_size")

        num_classes = len(trained.classes)
        apply, template = wiring.model_shapes(self._config, num_classes, self._mesh)
        self._params = trained.restore(template)
        self._step = make_eval_step(apply, self._mesh)

        self.name = folder_name(trained.name, self._config.seed)
        self.classes: tuple[str, ...] | None = trained.classes
        self.sampling = SpecifiedClips(
            num_frames=self._config.data.num_frames,
            stride=self._config.data.stride,
            specs_of=self._specs_of,
            in_words=self._in_words,
            batch_size=self._config.eval.batch_size,
        )
        network = dataclasses.asdict(self._config.model)
        self.fingerprint = digest.fingerprint("run", [], weights_hash(self._params), network)

    def answer(self, clips: Sequence[np.ndarray]) -> list[Answer]:
        """Returns the probabilities of each clip."""
        count = len(clips)
        # The step needs all fields of a batch, but only the video changes the probabilities.
        arrays = {
            "video": np.stack(clips),
            "label": np.zeros(count, int),
            "valid": np.ones(count, np.float32),
            "index": np.arange(count, dtype=np.int32),
        }
        num_classes = len(self.classes or ())
        predicted = self._step(self._params, to_batch(arrays, num_classes, self._mesh))
        return list(np.asarray(jax.device_get(predicted.probs)))

    def _specs_of(self, task: str, order: FrameOrder) -> Sequence[ClipSpec]:
        return wiring.views(self._config, order, task)

    def _in_words(self, task: str) -> str:
        return wiring.views_in_words(self._config, task)


def open(location: str, options: Options) -> RunModel:
    """Opens the checkpoint of a training run.

    Args:
      location: folder of the run.
      options: `checkpoint`, and `config`, which names other test sets and views.

    Raises:
      UserError: the checkpoint does not exist or is damaged.
    """
    return RunModel(load(location, options))


def load(location: str, options: Options) -> Trained:
    """Reads the config and the classes of a training run; see `open`."""
    checkpoint = options.checkpoint or "best"
    return trained_models.from_workdir(local_path(location), checkpoint, options.config)


def _with_temporal_tests(config: Config) -> Config:
    return dataclasses.replace(config, eval=dataclasses.replace(config.eval, temporal_tests=True))
