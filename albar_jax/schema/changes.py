"""Compares dicts entry by entry, and nested configs leaf by leaf."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

Key = TypeVar("Key")


def config_difference(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Returns a line `key: saved -> current` for each leaf that differs between two configs."""
    saved_leaves = _as_json(saved)
    current_leaves = _as_json(current)

    # As JSON, 1, 1.0 and true differ. In Python they compare as equal.
    changed = sorted(differing(saved_leaves, current_leaves, absent="(absent)"))
    return [f"{key}: {before} -> {after}" for key, before, after in changed]


def differing(
    first: Mapping[Key, Any], second: Mapping[Key, Any], *, absent: Any
) -> Iterator[tuple[Key, Any, Any]]:
    """Yields (key, first value, second value) for each entry that differs between two dicts.

    Args:
      first: dict whose keys come first.
      second: dict to compare it with.
      absent: value that stands for a missing entry.
    """
    for key in {**first, **second}:
        one = first.get(key, absent)
        other = second.get(key, absent)
        if one != other:
            yield key, one, other


def listed(phrases: Sequence[str], at_most: int) -> str:
    """Joins the first `at_most` phrases for a message, as in "a, b and 3 more"."""
    text = ", ".join(phrases[:at_most])
    if len(phrases) > at_most:
        text += f" and {len(phrases) - at_most} more"

    return text


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
