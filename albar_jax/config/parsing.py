"""Converts a `ConfigDict`, which people edit, to the frozen dataclasses that the code uses."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config.defaults import unknown_method
from albar_jax.config.experiment import VIEW_KINDS, Config
from albar_jax.config.saved import upgrade_saved
from albar_jax.errors import UserError
from albar_jax.methods import METHODS
from albar_jax.schema import fields, paths, sections
from albar_jax.schema.definition import leaves

PATH_FIELDS = tuple(leaf.name for leaf in leaves(Config) if leaf.definition.is_path)


def parse(config: ConfigDict) -> Config:
    """Returns the typed config, after all checks.

    A config of a run of version 0.1 is upgraded, see `upgrade_saved`.

    Raises:
      UserError: a field is missing, unknown or out of range, or two fields contradict each other.
    """
    # A copy, because the original is saved as the user wrote it.
    config = config.copy_and_resolve_references()
    expand_paths(config)
    parsed = sections.parse(Config, upgrade_saved(config.to_dict()), "config")

    # Checks of two fields together, which need typed values.
    _check_sides(parsed)
    _check_clips(parsed)
    for name, options in parsed.methods.items():
        _check_method(parsed, name, options)

    return parsed


def expand_paths(config: ConfigDict) -> None:
    """Expands `~` in the fields of `config` that hold paths, in place.

    Raises:
      UserError: a field is a URL; the message has its name.
    """
    paths.expand(config, PATH_FIELDS)


def _views_of(config: Config, field: str) -> dict[str, Any]:
    """Returns a field of all view sections, by the name of the section."""
    return {f"eval.{kind}": getattr(getattr(config.eval, kind), field) for kind in VIEW_KINDS}


def _check_sides(config: Config) -> None:
    """Raises UserError for crops that are larger than the scaled video."""
    sides = {"data": config.data.short_side, **_views_of(config, "short_side")}
    for section, side in sides.items():
        if side is not None and side < config.data.size:
            raise UserError(
                f"config.{section}.short_side is {side}; it has to be at least data.size, "
                f"{config.data.size}"
            )


def _check_clips(config: Config) -> None:
    """Raises UserError for several clips at the start of a video."""
    # Several clips at the start would all be the same one.
    if config.eval.clip != "start":
        return

    counts = {"eval": config.eval.temporal_views, **_views_of(config, "temporal_views")}
    for section, count in counts.items():
        if count is not None and count > 1:
            raise UserError(
                "config.eval.clip is 'start', which allows 1 clip, but "
                f"{section}.temporal_views is {count}; use 'centre'"
            )


def _check_method(config: Config, name: str, options: Any) -> None:
    """Raises UserError for an unknown method, an invalid option, or a clip or batch too small."""
    # The annotation of `methods` does not reach into its values.
    if not isinstance(options, Mapping):
        raise UserError(f"config.methods.{name} is {options!r}; it has to be a section of options")
    if name not in METHODS:
        raise UserError(unknown_method(name))

    # The minima depend on the options, so build the method.
    method = METHODS[name](**fields.check_call(METHODS[name], options, f"config.methods.{name}"))
    minima = (
        ("data.num_frames", config.data.num_frames, method.min_frames, "frames of a clip"),
        ("batch_size", config.batch_size, method.min_clips, "clips of a batch"),
    )
    for field, value, minimum, unit in minima:
        if value < minimum:
            raise UserError(
                f"config.{field} is {value}, but {name} with these options needs at least "
                f"{minimum} {unit}; raise it, or leave {name} out"
            )
