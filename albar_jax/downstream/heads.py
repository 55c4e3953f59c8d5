"""The table of downstream heads."""

from albar_jax.downstream.base import HeadKind

HEADS: dict[str, HeadKind] = {}
