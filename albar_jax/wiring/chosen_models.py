"""Loads the models that a command line names."""

from collections.abc import Callable

from ml_collections import ConfigDict

from albar_jax.config import used_fields
from albar_jax.config.config_files import load
from albar_jax.config.used_fields import Fields
from albar_jax.terminal.model_options import ModelChoice
from albar_jax.wiring.trained_models import Trained, from_weights, from_workdir


def load_chosen(
    choice: ModelChoice,
    *,
    replaced: Fields,
    needed: Fields = (),
    of_weights: Callable[[str, ConfigDict], Trained] = from_weights,
) -> list[Trained]:
    """Loads the chosen runs, or the chosen weights.

    Args:
      choice: the models.
      replaced: fields of the config that replace those of a run.
      needed: further fields that are used with weights.
      of_weights: loads weights, given their name and the config.

    Raises:
      UserError: a model or the config cannot be read, or a changed field would be ignored.
    """
    if choice.weights:
        config = load(choice.config, choice.changes)
        used_fields.refuse_unused(choice.changes, (*replaced, *needed), "--weights")
        return [of_weights(choice.weights, config)]

    config = None
    if choice.config is not None:
        config = load(choice.config, choice.changes)
        used_fields.refuse_unused(choice.changes, replaced, "--workdir")
    return [from_workdir(workdir, choice.checkpoint, config) for workdir in choice.workdirs]
