"""Expands the config fields that hold paths."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from albar_jax.errors import UserError
from albar_jax.files import local_spec

# The fields that hold a path, or `KIND:PATH`.
PATH_FIELDS = (
    "init",
    "data.manifest",
    "data.masks",
    "data.stills",
    "data.scenes",
    "eval.directory",
)


def expand_paths(config: ConfigDict) -> None:
    """Expands `~` in the fields of `config` that hold paths, in place.

    Raises:
      UserError: for a URL, with the name of the field.
    """
    for name in PATH_FIELDS:
        section, _, field = name.rpartition(".")
        values = config.get(section, {}) if section else config
        # In a damaged config a section may have any type; `config.parse` reports it.
        if isinstance(values, Mapping | ConfigDict) and isinstance(values.get(field), str):
            try:
                values[field] = local_spec(values[field])
            except UserError as error:
                raise UserError(f"config.{name}: {error}") from error
