"""Builds the explainer of a trained model, and reads the clips that it explains."""

import dataclasses

import jax
import jax.numpy as jnp

from albar_jax.attribution.explain import DEFAULT, Explainer, Options
from albar_jax.config import Config
from albar_jax.methods.heads import HEADS
from albar_jax.methods.pixels import normalise
from albar_jax.models import ResNetConfig, final_tokens
from albar_jax.parallel.mesh import data_mesh
from albar_jax.wiring.network import model_config, model_shapes
from albar_jax.wiring.trained_models import Trained

# Pixels of a cell of a ResNet's first feature map: its stem has stride 2, and so has its pooling.
_RESNET_PATCH = (1, 4, 4)


def explainer(trained: Trained, options: Options = DEFAULT) -> Explainer:
    """Restores a model and returns its explainer, which computes in float32.

    Args:
      trained: the model.
      options: the options of integrated gradients.

    Raises:
      UserError: the weights cannot be restored.
    """
    config = in_float32(trained.config)
    num_classes = len(trained.classes)

    # A clip at a time cannot be split over devices.
    apply, template = model_shapes(config, num_classes, data_mesh(jax.local_devices()[:1]))
    weights = trained.restore(template)
    # Evaluation has no heads of methods.
    own_weights = {name: value for name, value in weights.items() if name != HEADS}

    return Explainer(
        apply,
        own_weights,
        num_classes,
        black=normalise(jnp.zeros(3)),
        tokens=final_tokens(model_config(config, num_classes)),
        options=options,
    )


def in_float32(config: Config) -> Config:
    """Returns the config with a network that computes in float32.

    With bfloat16, attributions would miss the differences of scores by several percent.
    """
    return dataclasses.replace(config, model=dataclasses.replace(config.model, dtype="float32"))


def patch_of(trained: Trained) -> tuple[int, int, int]:
    """Returns frames, rows and columns of the patches that a network reads first."""
    network = model_config(trained.config, len(trained.classes))
    return _RESNET_PATCH if isinstance(network, ResNetConfig) else network.patch_size
