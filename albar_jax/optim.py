"""Learning-rate schedules and the optimisers."""

import jax
import jax.numpy as jnp
import optax

from albar_jax.types import Params

# The linear scaling rule counts from this batch size. (ALBAR App. B: base rate 1e-4 at batch 64)
REFERENCE_BATCH = 64


def scaled_rate(base_lr: float, batch_size: int) -> float:
    """Linear scaling rule: the peak learning rate at a global batch of `batch_size` clips."""
    return base_lr * batch_size / REFERENCE_BATCH


def warmup_cosine(peak: float, total_steps: int, warmup_fraction: float, final_fraction: float) -> optax.Schedule:
    """Linear warm-up from 0, then a cosine to `final_fraction` of the peak, counted per step. (ALBAR App. B)"""
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=peak,
        warmup_steps=round(warmup_fraction * total_steps),
        decay_steps=max(2, total_steps),
        end_value=final_fraction * peak,
    )


def released(peak: float, total_steps: int, steps_per_epoch: int) -> optax.Schedule:
    """The schedule of the released code, per epoch: full rate, five epochs up from 1 %, then a cosine.

    The released train.py sets the rate after each epoch, so the first epoch runs at the peak; the cosine stretches
    over as many epochs as the run has (params_debias.py), and the run ends before it is through.
    """
    num_epochs = max(1, -(-total_steps // steps_per_epoch))
    cosine = (jnp.cos(jnp.linspace(0, jnp.pi / 0.99, num_epochs)) + 1) / 2
    factors = jnp.concatenate([jnp.ones(1), jnp.linspace(0.01, 1, 5), cosine])[:num_epochs]
    return lambda step: peak * factors[jnp.minimum(step // steps_per_epoch, num_epochs - 1)]


def steps(peak: float, total_steps: int) -> optax.Schedule:
    """A tenth of the rate from 40 % of all steps on, a hundredth from 80 % on. (StillMix, reference_network/*.sh)"""
    return optax.piecewise_constant_schedule(peak, {round(share * total_steps): 0.1 for share in (0.4, 0.8)})


def adamw(
    schedule: optax.Schedule,
    *,
    weight_decay: float,
    b1: float,
    b2: float,
    decay_kernels_only: bool,
    clip_norm: float | None,
) -> optax.GradientTransformation:
    """AdamW with decoupled weight decay.

    Args:
      schedule: learning rate at each step.
      weight_decay: decay per step, times the learning rate.
      b1: decay of the first moment.
      b2: decay of the second moment.
      decay_kernels_only: leaves norms, biases and relative position bias tables undecayed.
      clip_norm: largest global norm of the gradient; None does not clip.
    """
    mask = _is_kernel if decay_kernels_only else None
    return _clipped(clip_norm, optax.adamw(schedule, b1=b1, b2=b2, weight_decay=weight_decay, mask=mask))


def sgd(
    schedule: optax.Schedule, *, weight_decay: float, momentum: float, decay_kernels_only: bool, clip_norm: float | None
) -> optax.GradientTransformation:
    """SGD as torch's: the decay is a part of the gradient, and of its momentum.

    Args:
      schedule: learning rate at each step.
      weight_decay: times the parameters, added to their gradient once that is clipped.
      momentum: decay of the sum of the gradients; 0 is plain SGD.
      decay_kernels_only: leaves norms, biases and relative position bias tables undecayed.
      clip_norm: largest global norm of the gradient; None does not clip.
    """
    decay = optax.add_decayed_weights(weight_decay, _is_kernel if decay_kernels_only else None)
    return _clipped(clip_norm, optax.chain(decay, optax.sgd(schedule, momentum or None)))


def _clipped(norm: float | None, optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    return optimizer if norm is None else optax.chain(optax.clip_by_global_norm(norm), optimizer)


def _is_kernel(params: Params) -> Params:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)
