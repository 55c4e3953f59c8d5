"""Checks that models can share a table."""

from collections.abc import Sequence

from albar_jax.errors import UserError
from albar_jax.wiring.trained_models import Trained


def check_comparable(models: Sequence[Trained], verb: str) -> None:
    """Raises UserError if models differ in suite or classes, or share name and seed.

    Args:
      models: at least one model.
      verb: what is to be done with them, such as "evaluate".
    """
    first = models[0]
    named: set[tuple[str, int]] = set()
    for model in models:
        if model.config.eval.suite != first.config.eval.suite:
            raise UserError(
                f"{model.name} belongs to the suite {model.config.eval.suite} and {first.name} to "
                f"{first.config.eval.suite}; {verb} them one suite at a time"
            )
        if model.classes != first.classes:
            raise UserError(
                f"{model.name} and {first.name} were trained on different classes, so they cannot "
                f"share a page; {verb} them one by one"
            )

    for model in models:
        name, seed = model.name, model.config.seed
        if (name, seed) in named:
            raise UserError(
                f"two runs are named '{name}' and have seed {seed}; leave one out, or change its "
                "config.name"
            )
        named.add((name, seed))
