"""Compares configs, and knows the fields that may change when a run is resumed."""

import json
from collections.abc import Mapping
from typing import Any

# Fields that may differ when a run is resumed. The number of workers and threads changes no bit of a
# batch, and the parallel layout changes no value. The other two are only checks. The decoder and the
# size limits of a clip must not change, because they determine which videos are readable. The time
# limit may change, so that a user can raise it: videos that were too slow stay out until it is raised.
FREE_TO_CHANGE = (
    "loader.workers",
    "loader.threads",
    "loader.max_unreadable",
    "loader.clip_seconds",
    "parallel",
    "data.allow_empty_classes",
)


def config_difference(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Returns one line `key: saved -> current` for each leaf that differs between two nested configs."""
    flat_saved, flat_current = (
        {key: json.dumps(value) for key, value in flatten(config).items()}
        for config in (saved, current)
    )
    return [
        f"{key}: {flat_saved.get(key, '(absent)')} -> {flat_current.get(key, '(absent)')}"
        for key in sorted(flat_saved | flat_current)
        if key not in flat_saved or key not in flat_current or flat_saved[key] != flat_current[key]
    ]


def lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the leaves of a nested config by their dotted names, without what is free to change."""
    return {key: value for key, value in flatten(config).items() if not _is_free(key)}


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of a nested config by their dotted names."""
    flat = {}
    for key, value in config.items():
        flat |= (
            flatten(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {prefix + key: value}
        )
    return flat


def _is_free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE_TO_CHANGE)
