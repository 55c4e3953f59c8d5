"""Compares nested configs leaf by leaf."""

import json
from collections.abc import Collection, Mapping
from typing import Any


def config_difference(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Returns a line `key: saved -> current` for each leaf that differs between two configs."""
    saved_leaves = _as_json(saved)
    current_leaves = _as_json(current)

    # As JSON, 1, 1.0 and true differ. In Python they compare as equal.
    lines = []
    for key in sorted(saved_leaves | current_leaves):
        before = saved_leaves.get(key, "(absent)")
        after = current_leaves.get(key, "(absent)")
        if before != after:
            lines.append(f"{key}: {before} -> {after}")

    return lines


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of a nested config by their dotted names; `prefix` precedes the names."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value

    return flat


def without(config: Mapping[str, Any], names: Collection[str], prefix: str = "") -> dict[str, Any]:
    """Returns a nested config without some leaves, and without sections that this empties.

    Args:
      config: nested config.
      names: dotted names of the leaves to remove, such as `loader.workers`.
      prefix: precedes the names of `config`, for the recursion.
    """
    kept = {}
    for key, value in config.items():
        name = prefix + key
        if name in names:
            continue
        if not isinstance(value, Mapping):
            kept[key] = value
            continue

        # A section that was empty before stays, such as a method without options.
        section = without(value, names, f"{name}.")
        if section or not value:
            kept[key] = section

    return kept


def _as_json(config: Mapping[str, Any]) -> dict[str, str]:
    return {key: json.dumps(value) for key, value in flatten(config).items()}
