"""Learning-rate schedules and optimizers."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from albar_jax.types import Params

# Keys of parameters outside the backbone: the classifier and the heads of methods.
HEADS = ("head", "heads")
Decay = Literal["all", "kernels", "no_norms", "mmcv"]


def warmup_cosine(
    peak: float,
    total_steps: int,
    warmup_fraction: float,
    final_fraction: float,
    warmup_start: float = 0.0,
) -> optax.Schedule:
    """Returns a linear warm-up, then a cosine, both per step. (ALBAR App. B)

    The warm-up ends before the last step.

    Args:
      peak: learning rate after the warm-up.
      total_steps: steps of the run.
      warmup_fraction: warm-up as a fraction of all steps, from 0 to below 1.
      final_fraction: learning rate at the end, as a fraction of the peak, from 0 to 1.
      warmup_start: learning rate at the first step, as a fraction of the peak, from 0 to 1.
    """
    decay_steps = max(2, total_steps)
    warmup_steps = min(round(warmup_fraction * total_steps), decay_steps - 1)

    return optax.warmup_cosine_decay_schedule(
        init_value=warmup_start * peak,
        peak_value=peak,
        warmup_steps=warmup_steps,
        decay_steps=decay_steps,
        end_value=final_fraction * peak,
    )


def epoch_cosine(
    peak: float,
    total_steps: int,
    steps_per_epoch: int,
    *,
    warmup_fraction: float,
    warmup_start: float,
    final_fraction: float,
) -> optax.Schedule:
    """Returns a cosine per epoch, times a linear warm-up per step. (StillMix, Video Swin)

    It is mmcv's CosineAnnealing with `warmup="linear"` and `warmup_by_epoch`. With E epochs and W
    steps of warm-up, step s of epoch e has the rate

        peak * (1 + cos(pi e / E)) / 2 * (1 - (1 - s / W) * (1 - warmup_start)),

    and from step W on the rate without the last factor. If W is not an integer, the last warm-up
    factor stays until the end of its epoch.

    Args:
      peak: learning rate of the first epoch after the warm-up.
      total_steps: steps of the run.
      steps_per_epoch: steps per epoch.
      warmup_fraction: warm-up as a fraction of all epochs, from 0 to below 1.
      warmup_start: warm-up factor of the first step, from 0 to 1.
      final_fraction: end of the cosine, as a fraction of the peak, from 0 to 1.
    """
    num_epochs = max(1, -(-total_steps // steps_per_epoch))

    # Round first: 2.5 / 30 of 4,440 steps are 370.00000000000006.
    warmup_steps = round(warmup_fraction * num_epochs * steps_per_epoch, 6)
    last_warmup_step = int(warmup_steps)
    warmup_end = last_warmup_step
    if last_warmup_step != warmup_steps:
        warmup_end = (last_warmup_step // steps_per_epoch + 1) * steps_per_epoch

    def rate(step: jax.Array) -> jax.Array:
        share_done = jnp.minimum(step // steps_per_epoch, num_epochs) / num_epochs
        cosine = final_fraction + (1 - final_fraction) * (1 + jnp.cos(jnp.pi * share_done)) / 2

        warmup_done = jnp.minimum(step, last_warmup_step) / max(warmup_steps, 1)
        ramp = 1 - (1 - warmup_done) * (1 - warmup_start)
        return peak * cosine * jnp.where(step < warmup_end, ramp, 1.0)

    return rate


def released(peak: float, total_steps: int, steps_per_epoch: int) -> optax.Schedule:
    """Returns the schedule of ALBAR's released code, which changes once per epoch.

    The first epoch has the peak, the next five epochs rise from 1 % of it, and then a cosine
    follows. The released train.py sets the rate after each epoch, so the first epoch has the peak.
    Its cosine covers as many epochs as the whole run (params_debias.py), so the run ends before
    the cosine does.

    Args:
      peak: learning rate of the first epoch.
      total_steps: steps of the run.
      steps_per_epoch: steps per epoch.
    """
    num_epochs = max(1, -(-total_steps // steps_per_epoch))
    cosine = (jnp.cos(jnp.linspace(0, jnp.pi / 0.99, num_epochs)) + 1) / 2
    factors = jnp.concatenate([jnp.ones(1), jnp.linspace(0.01, 1, 5), cosine])[:num_epochs]

    return lambda step: peak * factors[jnp.minimum(step // steps_per_epoch, num_epochs - 1)]


def steps(peak: float, total_steps: int) -> optax.Schedule:
    """Returns a step schedule: peak, peak / 10 from 40 %, peak / 100 from 80 % of all steps on.

    Source: StillMix, reference_network/*.sh.

    Args:
      peak: learning rate of the first 40 % of the steps.
      total_steps: steps of the run.
    """
    drops = {round(share * total_steps): 0.1 for share in (0.4, 0.8)}
    return optax.piecewise_constant_schedule(peak, drops)


def adamw(
    schedule: optax.Schedule,
    *,
    weight_decay: float,
    b1: float,
    b2: float,
    decay: Decay = "all",
    head_rate: float = 1.0,
    clip_norm: float | None,
) -> optax.GradientTransformation:
    """Returns AdamW with decoupled weight decay.

    Args:
      schedule: learning rate at each step.
      weight_decay: decay per step, times the learning rate, >= 0.
      b1: decay of the first moment, from 0 to below 1.
      b2: decay of the second moment, from 0 to below 1.
      decay: parameters with weight decay, see `DECAYED`.
      head_rate: factor of the learning rate of heads, > 0.
      clip_norm: largest global norm of the gradient, > 0; None does not clip.
    """
    optimizer = optax.adamw(schedule, b1=b1, b2=b2, weight_decay=weight_decay, mask=DECAYED[decay])
    return _clipped(clip_norm, _with_head_rate(optimizer, head_rate, decay))


def sgd(
    schedule: optax.Schedule,
    *,
    weight_decay: float,
    momentum: float,
    decay: Decay = "all",
    head_rate: float = 1.0,
    clip_norm: float | None,
) -> optax.GradientTransformation:
    """Returns SGD as in torch: the weight decay is added to the gradient, before momentum.

    Args:
      schedule: learning rate at each step.
      weight_decay: factor of the parameters that are added to the clipped gradient, >= 0.
      momentum: decay of the accumulated gradient, from 0 to below 1; 0 is plain SGD.
      decay: parameters with weight decay, see `DECAYED`.
      head_rate: factor of the learning rate of heads, > 0.
      clip_norm: largest global norm of the gradient, > 0; None does not clip.
    """
    optimizer = optax.chain(
        optax.add_decayed_weights(weight_decay, DECAYED[decay]),
        optax.sgd(schedule, momentum or None),
    )
    return _clipped(clip_norm, _with_head_rate(optimizer, head_rate, decay))


def _clipped(
    norm: float | None, optimizer: optax.GradientTransformation
) -> optax.GradientTransformation:
    if norm is None:
        return optimizer

    return optax.chain(optax.clip_by_global_norm(norm), optimizer)


def _with_head_rate(
    optimizer: optax.GradientTransformation, factor: float, decay: Decay
) -> optax.GradientTransformation:
    """Scales the updates of all heads, decay included, as a parameter group of torch does."""
    if factor == 1:
        return optimizer

    def scale_head(path: tuple[str, ...], update: jax.Array) -> jax.Array:
        is_head = path[0] in HEADS
        # mmcv gives the tables the learning rate of the head, see `DECAYED`.
        is_fast_table = decay == "mmcv" and path[-1] == "position_bias"
        return update * factor if is_head or is_fast_table else update

    scale_heads = optax.stateless(lambda updates, _: _map(scale_head, updates))
    return optax.chain(optimizer, scale_heads)


def _kernels(params: Params) -> Params:
    return _map(lambda path, _: path[-1] == "kernel", params)


def _all_but_norms(params: Params) -> Params:
    # The bias of a norm is recognized by its sibling, a scale.
    paths = [_names(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    norms = {path[:-1] for path in paths if path[-1] == "scale"}

    def is_decayed(path: tuple[str, ...], _: jax.Array) -> bool:
        return path[-1] != "position_bias" and path[:-1] not in norms

    return _map(is_decayed, params)


def _all_but_tables(params: Params) -> Params:
    return _map(lambda path, _: path[-1] != "position_bias", params)


# Functions that select the parameters that decay; None selects all. "no_norms" exempts norms and
# relative position bias tables, as the configs of Video Swin and StillMix intend. "mmcv" is what
# mmcv does with these configs: it applies only the longest key in a parameter's name, so `backbone`
# overrides `norm`. So norms decay, and the tables have no decay and the learning rate of the head.
DECAYED: dict[Decay, Callable[[Params], Params] | None] = {
    "all": None,
    "kernels": _kernels,
    "no_norms": _all_but_norms,
    "mmcv": _all_but_tables,
}


def _map(function: Callable[[tuple[str, ...], jax.Array], object], tree: Params) -> Params:
    return jax.tree_util.tree_map_with_path(lambda path, leaf: function(_names(path), leaf), tree)


def _names(path: jax.tree_util.KeyPath) -> tuple[str, ...]:
    return tuple(str(step.key) for step in path)
