"""Attaches the additional heads of a method to a network."""

import dataclasses
from collections.abc import Mapping

import jax
from jaxtyping import Array, Float, Key

from albar_jax.methods.base import Head
from albar_jax.types import Apply, Outputs, Params

# The key of the heads' parameters in the weights.
HEADS = "heads"


def with_heads(
    apply: Apply,
    weights: Params,
    heads: Mapping[str, Head],
    key: Key[Array, ""],
    feature_width: int,
) -> tuple[Apply, Params]:
    """Returns a network with additional heads on its pooled features.

    Heads run in training only. A pass without a key (evaluation) has no head outputs, and its
    weights need no head parameters.

    Args:
      apply: the network.
      weights: its weights.
      heads: heads by name; without any, the network is returned unchanged.
      key: random key of the heads' parameters.
      feature_width: number of pooled features.

    Returns:
      The network, and its weights with the heads' parameters under HEADS.
    """
    if not heads:
        return apply, weights

    # Sorted, so that a head's parameters do not depend on the order of the methods.
    head_params = {}
    for i, name in enumerate(sorted(heads)):
        head_params[name] = heads[name].init(jax.random.fold_in(key, i), feature_width)

    def apply_with_heads(
        weights: Params,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        **options: int | None,
    ) -> Outputs:
        own_weights = {name: value for name, value in weights.items() if name != HEADS}
        outputs = apply(own_weights, video, key, **options)
        if key is None:
            return outputs

        head_outputs = {}
        for name, head in heads.items():
            head_outputs[name] = head.apply(weights[HEADS][name], outputs.features)
        return dataclasses.replace(outputs, heads=head_outputs)

    return apply_with_heads, weights | {HEADS: head_params}
