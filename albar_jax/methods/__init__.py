"""Debiasing methods: one file each, named in the table `METHODS`."""

from collections.abc import Callable, Mapping, Sequence

from albar_jax.errors import UserError
from albar_jax.methods import actorcutmix, albar, be, ce, fame, mixup, sdn, stillmix, videomix
from albar_jax.methods.base import AuxNeed, Method

# The signature of each `make` holds the method's options, their ranges and their defaults.
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

# Values of options that were renamed after version 0.1: method -> option -> old value -> new value.
SAVED_VALUES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "albar": {"memory": {"normal": "linearize", "low": "two_pass"}},
}


def combine(*methods: Method) -> Method:
    """Combines methods: chains their transforms, and uses the loss of the one method that has one.

    If no method has a loss, the combination minimizes plain cross-entropy.

    Raises:
      UserError: two of the methods replace the loss, or both need an exclusive auxiliary input.
    """
    # Transforms can be chained, but each loss makes its own passes.
    losses = [method.loss for method in methods if method.loss is not None]
    if len(losses) > 1:
        raise UserError(
            "two of the methods replace the loss, as ce, albar, sdn, and be with its consistency "
            "do; combine at most one of them with transforms"
        )

    transforms = tuple(transform for method in methods for transform in method.transforms)
    heads = {name: head for method in methods for name, head in method.heads.items()}
    any_keeps_clean = any(method.keeps_clean for method in methods)

    return Method(
        transforms=transforms,
        loss=losses[0] if losses else ce.loss,
        heads=heads,
        needs=_united_needs(methods),
        min_frames=max((method.min_frames for method in methods), default=1),
        min_clips=max((method.min_clips for method in methods), default=1),
        # Without transforms, the batch itself is clean.
        keeps_clean=any_keeps_clean and bool(transforms),
    )


def is_plain(method: Method) -> bool:
    """Returns whether a combined method is plain training with cross-entropy."""
    return method.loss is ce.loss and not method.transforms and not method.heads


def _united_needs(methods: Sequence[Method]) -> dict[str, AuxNeed]:
    """Returns the needs of all methods; raises UserError if two of them exclude each other."""
    needs: dict[str, AuxNeed] = {}
    for method in methods:
        for name, need in method.needs.items():
            if name in needs and need.is_exclusive:
                raise UserError(
                    f"two of the methods each read config.data.{need.field}; give one of them "
                    f"other {need.field}, or none"
                )
            needs[name] = need

    return needs
