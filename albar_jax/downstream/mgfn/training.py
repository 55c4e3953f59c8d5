"""The training step of MGFN. (MGFN, train.py and main.py)"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from albar_jax.downstream.base import HeadState
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.losses import mgfn_loss
from albar_jax.downstream.mgfn.network import Apply
from albar_jax.downstream.mgfn.selection import Picks, draw_masks, pick
from albar_jax.types import BATCH_STATS, Metrics, Params

# The key of a batch's videos, float32 (2 b, crops, segments, c): b normal ones, then b abnormal.
VIDEOS = "videos"


class Pass(NamedTuple):
    """The results of a training pass.

    Attributes:
      scores: anomaly scores of all segments, 0 to 1.
      normal: selected segments of the normal videos.
      abnormal: selected segments of the abnormal videos.
      metrics: terms of the loss.
      batch_stats: {BATCH_STATS: updated batch statistics}.
    """

    scores: Float[Array, "b2 t"]
    normal: Picks
    abnormal: Picks
    metrics: Metrics
    batch_stats: Params


def training_pass(
    apply: Apply,
    config: MgfnConfig,
    weights: Params,
    videos: Float[Array, "b2 crops t c"],
    masks: tuple[Float[Array, "b t"], Float[Array, "b t"]],
) -> tuple[Float[Array, ""], Pass]:
    """Returns the loss of a batch and everything that it is computed from.

    The original replaces the abnormal features by the normal ones if b is 1, so `MgfnConfig`
    refuses it.

    Args:
      apply: network.
      config: losses, pairs and number of selected segments.
      weights: parameters and batch statistics.
      videos: b normal videos, then b abnormal ones.
      masks: dropout masks of the selection, of normal and of abnormal videos.
    """
    outputs = apply(weights, videos, training=True)
    picks = []
    for half, mask in enumerate(masks):
        # Normal videos are the first half.
        own = slice(half * mask.shape[0], (half + 1) * mask.shape[0])
        picks.append(pick(outputs.scores[own], outputs.features[own], mask, config.selected))

    normal, abnormal = picks
    loss, terms = mgfn_loss(
        outputs.scores, normal, abnormal, losses=config.losses, pairs=config.pairs
    )
    return loss, Pass(outputs.scores, normal, abnormal, terms, outputs.batch_stats)


def make_optimizer(config: MgfnConfig) -> optax.GradientTransformation:
    """Returns Adam with torch's `weight_decay`: it is added to the gradient of every weight."""
    adam = optax.chain(optax.add_decayed_weights(config.l2), optax.adam(config.learning_rate))
    # As one vector, because compiling an update for each weight takes seconds.
    return optax.flatten(adam)


def init_state(config: MgfnConfig, weights: Params) -> HeadState:
    """Returns the state before the first step.

    Args:
      config: recipe.
      weights: parameters and, under BATCH_STATS, batch statistics.
    """
    # Copies, because the training step donates its state.
    weights = jax.tree.map(jnp.array, weights)
    params = {name: value for name, value in weights.items() if name != BATCH_STATS}
    extra = {BATCH_STATS: weights[BATCH_STATS]}
    return HeadState(jnp.zeros((), jnp.int32), params, make_optimizer(config).init(params), extra)


def make_train_step(
    apply: Apply, config: MgfnConfig, seed: int
) -> Callable[[HeadState, Mapping[str, Array]], tuple[HeadState, Metrics]]:
    """Returns the training step, a pure function of (state, batch).

    All randomness comes from (seed, state.step), so a resumed run repeats the same numbers.

    Args:
      apply: network.
      config: recipe.
      seed: seed of the masks of the selection.
    """
    optimizer = make_optimizer(config)

    def step(state: HeadState, batch: Mapping[str, Array]) -> tuple[HeadState, Metrics]:
        videos = batch[VIDEOS]
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        shape = (videos.shape[0] // 2, videos.shape[2])
        masks = draw_masks(key, shape, config.selection_dropout)

        def loss(params: Params) -> tuple[Array, Pass]:
            return training_pass(apply, config, params | state.extra, videos, masks)

        gradients, results = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)

        metrics = results.metrics | {"optim/gradient_norm": optax.tree.norm(gradients)}
        return HeadState(state.step + 1, params, opt_state, results.batch_stats), metrics

    return step
