"""Debiasing methods: one file each, named in the table `METHODS`."""

from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.methods import actorcutmix, albar, be, ce, fame, mixup, sdn, stillmix, videomix
from albar_jax.methods.base import Method

# The signature of each `make` holds the method's options and their defaults.
METHODS: dict[str, Callable[..., Method]] = {
    "actorcutmix": actorcutmix.make,
    "albar": albar.make,
    "be": be.make,
    "ce": ce.make,
    "fame": fame.make,
    "mixup": mixup.make,
    "sdn": sdn.make,
    "stillmix": stillmix.make,
    "videomix": videomix.make,
}


def combine(*methods: Method) -> Method:
    """One method that applies the transforms of all, in order, and minimises the one loss that replaces plain CE.

    Raises:
      UserError: if two of the methods replace the loss, or take the batch's stills for different things.
    """
    losses = [method.loss for method in methods if method.loss is not None]
    if len(losses) > 1:
        raise UserError(
            "two of the methods each bring a loss of their own, as ce, albar, sdn and be with its consistency do; "
            "combine at most one of those with transforms"
        )
    if sum("still" in method.needs for method in methods) > 1:
        raise UserError(
            "two of the methods each read config.data.stills; give one of them other stills, or none"
        )
    return Method(
        transforms=tuple(transform for method in methods for transform in method.transforms),
        loss=losses[0] if losses else ce.loss,
        heads={name: head for method in methods for name, head in method.heads.items()},
        needs=frozenset().union(*(method.needs for method in methods)),
        min_frames=max((method.min_frames for method in methods), default=1),
        min_clips=max((method.min_clips for method in methods), default=1),
        # Without transforms, the batch itself is clean.
        keeps_clean=any(method.keeps_clean for method in methods)
        and any(method.transforms for method in methods),
    )
