"""Loads a trained network as an encoder: clips in, pooled features out."""

import hashlib
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.methods.heads import HEADS
from albar_jax.parallel.mesh import data_mesh, replicated, split_batch
from albar_jax.train.feature_step import make_feature_step
from albar_jax.types import Params
from albar_jax.weights.trees import flatten
from albar_jax.wiring.trained_models import Trained


class Encoder:
    """A network on the devices of this process.

    Every process computes the features of its own videos, so nothing is exchanged while it works.
    Each device gets batches of the same shape, whatever the number of devices.

    Args:
      model: the model. Collective: every process must load it.

    Attributes:
      config: config of the model.
      width: number of features, C.
      num_devices: number of devices of this process.
      description: the entry `encoder` of `features.json`.
    """

    def __init__(self, model: Trained):
        self.config = model.config
        apply, template = wiring.model_shapes(model.config, len(model.classes), data_mesh())
        params = {name: value for name, value in model.restore(template).items() if name != HEADS}
        weights = _to_host(params)

        mesh = data_mesh(jax.local_devices())
        self.width = wiring.model_config(model.config, len(model.classes)).feature_width
        self.num_devices = mesh.size
        self.description = _description(model, weights)
        self._split = split_batch(mesh)
        self._params = jax.device_put(weights, replicated(mesh))
        self._step = make_feature_step(apply, mesh)

    def launch(self, clips: UInt8[np.ndarray, "b t h w 3"]) -> jax.Array:
        """Starts the computation of a batch and returns its features, float32 (b, C).

        Args:
          clips: uint8 RGB; the number of devices divides b.
        """
        return self._step(self._params, jax.device_put(clips, self._split))


def weights_hash(weights: Params) -> str:
    """Returns the SHA-256 of all parameters, with their names and shapes."""
    digest = hashlib.sha256()
    for name, array in sorted(flatten(weights).items()):
        digest.update(f"{name} {array.shape} {array.dtype}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _to_host(params: Params) -> Params:
    """Copies replicated parameters to this process's memory."""
    return jax.tree.map(lambda leaf: np.asarray(leaf.addressable_data(0)), params)


def _description(model: Trained, weights: Params) -> dict[str, Any]:
    config: Config = model.config
    return {
        "weights": weights_hash(weights),
        "network": config.model.preset,
        "config": {
            "name": config.name,
            "seed": config.seed,
            "methods": sorted(config.methods),
            "step": model.step,
            "dtype": config.model.dtype,
        },
    }
