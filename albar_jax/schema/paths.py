"""Expands the config fields that hold paths."""

from collections.abc import Iterable, Mapping

from ml_collections import ConfigDict

from albar_jax.errors import UserError
from albar_jax.files import local_spec


def expand(config: ConfigDict, names: Iterable[str]) -> None:
    """Expands `~` in fields of `config`, in place.

    Args:
      config: config to change.
      names: dotted names of the fields that hold a path or `KIND:PATH`. Missing fields are skipped.

    Raises:
      UserError: a field is a URL; the message has its name.
    """
    for name in names:
        section, _, field = name.rpartition(".")
        values = config.get(section, {}) if section else config

        # In a damaged config a section may have any type; `config.parse` refuses it.
        is_section = isinstance(values, Mapping | ConfigDict)
        if not is_section or not isinstance(values.get(field), str):
            continue

        try:
            values[field] = local_spec(values[field])
        except UserError as error:
            raise UserError(f"config.{name}: {error}") from error
