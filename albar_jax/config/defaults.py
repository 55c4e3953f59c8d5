"""Builds a `ConfigDict` of the default values, which flags and config files change."""

import inspect
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from albar_jax.config.experiment import Config
from albar_jax.errors import UserError
from albar_jax.methods import METHODS
from albar_jax.schema import fields
from albar_jax.schema.definition import UNSET, leaves


def default_config() -> ConfigDict:
    """Returns all fields with their defaults, except `methods`."""
    config = ConfigDict()
    for leaf in leaves(Config):
        if leaf.default is UNSET:
            continue

        # Walk to the section of the field, and make it on the way.
        *sections, name = leaf.name.split(".")
        section = config
        for section_name in sections:
            if section_name not in section:
                section[section_name] = ConfigDict()
            section = section[section_name]

        section[name] = _overridable(leaf.kind, leaf.default)

    return config


def method_options(*names: str) -> ConfigDict:
    """Returns the config section of the methods `names`: their options with the defaults.

    The options are the arguments of the method's `make`.

    Raises:
      UserError: a method does not exist, or is named twice.
    """
    if len(set(names)) < len(names):
        raise UserError(f"the methods {'+'.join(names)} name one of them twice")

    section = ConfigDict()
    for name in names:
        if name not in METHODS:
            raise UserError(unknown_method(name))

        options = ConfigDict()
        for option in inspect.signature(METHODS[name]).parameters.values():
            options[option.name] = _overridable(option.annotation, option.default)
        section[name] = options

    return section


def unknown_method(name: str) -> str:
    """Returns the error message for a method that does not exist."""
    return (
        f"there is no method or recipe {name!r}; the methods are {', '.join(sorted(METHODS))}, and "
        "docs/methods.md lists the recipes"
    )


def _overridable(kind: Any, default: Any) -> Any:
    # A flag can override a field that is None only if the ConfigDict knows its type.
    return placeholder(fields.bare(kind)) if default is None else default
