"""The learning rates of TriDet, its AdamW, and the clipping of gradients."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.types import Params

# torch.nn.utils.clip_grad_norm_ adds it to the norm.
_CLIP_EPSILON = 1e-6


def learning_rates(config: TridetConfig, steps_per_epoch: int) -> Float[np.ndarray, " steps"]:
    """Returns the learning rate of each step, float64. (TriDet, libs/utils/lr_schedulers.py)

    With W steps of warm-up and N steps, step n has peak * n / (W - 1) for n < W. So the first step
    has the rate 0, and the last step of the warm-up has the peak. Then a cosine over n - W of N - W
    steps follows, which begins at the peak again.

    Args:
      config: epochs and rates.
      steps_per_epoch: steps per epoch.
    """
    num_steps = config.epochs * steps_per_epoch
    num_warmup = config.warmup_epochs * steps_per_epoch
    warmup = config.learning_rate * np.arange(num_warmup) / max(num_warmup - 1, 1)

    done = np.arange(num_steps - num_warmup) / (num_steps - num_warmup)
    height = config.learning_rate - config.final_rate
    cosine = config.final_rate + height * (1 + np.cos(math.pi * done)) / 2

    return np.concatenate([warmup, cosine])


def adamw(rates: Float[np.ndarray, " steps"], config: TridetConfig) -> optax.GradientTransformation:
    """Returns AdamW after clipping, with weight decay on the weights of convolutions only.

    Args:
      rates: learning rate of each step.
      config: weight decay and norm of the clipping.
    """
    # A table, so that the rates are those of float64 arithmetic.
    table = jnp.asarray(rates, jnp.float32)
    return optax.chain(
        clipped(config.clip_norm),
        optax.adamw(lambda step: table[step], weight_decay=config.weight_decay, mask=is_decayed),
    )


def clipped(largest: float) -> optax.GradientTransformation:
    """Returns torch's clipping, which divides by the global norm + 1e-6.

    Args:
      largest: largest global norm, > 0.
    """

    def clip(gradients: Params, _: Params | None) -> Params:
        factor = jnp.minimum(1.0, largest / (optax.tree.norm(gradients) + _CLIP_EPSILON))
        return jax.tree.map(lambda gradient: gradient * factor, gradients)

    return optax.stateless(clip)


def is_decayed(params: Params) -> Params:
    """Returns True for the kernels of convolutions; biases, norms and scales do not decay."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def moving_average(average: Params, params: Params, decay: float) -> Params:
    """Returns the moving average of weights after one step.

    Args:
      average: the average before the step.
      params: weights after the step.
      decay: weight of the average, from 0 to below 1.
    """

    def mix(old: Array, new: Array) -> Array:
        return decay * old + (1 - decay) * new

    return jax.tree.map(mix, average, params)
