"""How a network gets the heads that a method brings."""

import dataclasses
from collections.abc import Mapping

import jax
from jaxtyping import Array, Float, Key

from albar_jax.methods.base import Head
from albar_jax.types import Apply, Outputs, Params

HEADS = "heads"  # the key of their parameters, beside those of the network


def with_heads(
    apply: Apply,
    weights: Params,
    heads: Mapping[str, Head],
    key: Key[Array, ""],
    feature_width: int,
) -> tuple[Apply, Params]:
    """The network with heads on its pooled features, and its weights with theirs under HEADS.

    Without heads both come back as they are. The heads answer in training only: a pass without a key (evaluation)
    has none in its outputs, and weights for it need none.
    """
    if not heads:
        return apply, weights
    made = {
        name: heads[name].init(jax.random.fold_in(key, i), feature_width)
        for i, name in enumerate(sorted(heads))
    }

    def apply_with_heads(
        weights: Params, video: Float[Array, "b t h w 3"], key: Key[Array, ""] | None
    ) -> Outputs:
        outputs = apply(
            {name: value for name, value in weights.items() if name != HEADS}, video, key
        )
        if key is None:
            return outputs
        answers = {
            name: head.apply(weights[HEADS][name], outputs.features) for name, head in heads.items()
        }
        return dataclasses.replace(outputs, heads=answers)

    return apply_with_heads, weights | {HEADS: made}
