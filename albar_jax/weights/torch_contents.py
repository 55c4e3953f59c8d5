"""Finds the state dict of a network in the contents of a weight file."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.errors import UserError
from albar_jax.storage import inert_pickle
from albar_jax.weights import torch_resnet
from albar_jax.weights.torch_names import LAYOUTS
from albar_jax.weights.torch_pickle import Tensor

StateDict = dict[str, np.ndarray]
# Types of tensors, readable or not.
Values = dict[str, Any]

# Common keys of the state dict, used only if no network is recognised.
WRAPPERS = ("state_dict", "model_state_dict", "model")
# Prefixes of DataParallel, torch.compile and Lightning.
PREFIXES = ("module.", "_orig_mod.", "model.")
# Name parts inserted by torch.compile, FSDP and activation checkpointing.
_INSIDE = re.compile(r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_LISTED = 8
# The name of the network at the top level of a file.
_WHOLE = "whole"


def state_dicts(content: Any) -> dict[str, Values]:
    """Returns all state dicts in a file by their location, such as "" or "ema.module"."""
    found = {place: values for place, values in _walk("", content, {}) if values}
    return {
        place: values for name, held in found.items() for place, values in _averaged(name, held)
    }


def _walk(place: str, content: Any, seen: dict[int, Any]) -> Iterator[tuple[str, Values]]:
    """Yields the tensors of each dictionary, list and module; visits shared objects once."""
    if id(content) in seen:
        return
    seen[id(content)] = content
    if isinstance(content, (list, tuple)):
        content = dict(enumerate(content))
    if isinstance(content, inert_pickle.Record):
        module = _module(content)
        yield place, module if module else {}
        content = content.state if isinstance(content.state, dict) and not module else {}
    if not isinstance(content, dict):
        return
    yield (
        place,
        {_INSIDE.sub("", str(name)): value for name, value in content.items() if _is_tensor(value)},
    )
    for name, value in content.items():
        yield from _walk(f"{place}.{name}".lstrip("."), value, seen)


def _is_tensor(value: Any) -> bool:
    is_unread = isinstance(value, inert_pickle.Record) and value.origin.startswith("torch.")
    return isinstance(value, (Tensor, np.ndarray, inert_pickle.Array)) or (
        is_unread and not _module(value)
    )


def _module(record: inert_pickle.Record) -> Values:
    """Returns the state dict of a pickled `torch.nn.Module`; {} for any other object."""
    state = record.state
    if not isinstance(state, dict) or not isinstance(state.get("_modules"), dict):
        return {}
    own = [state.get(kind) or {} for kind in ("_parameters", "_buffers")]
    values = {str(name): value for kind in own for name, value in kind.items() if value is not None}
    for name, child in state["_modules"].items():
        if isinstance(child, inert_pickle.Record):
            values |= {f"{name}.{inner}": value for inner, value in _module(child).items()}

    return values


def _averaged(place: str, values: Values) -> Iterator[tuple[str, Values]]:
    """Splits off mmcv's moving averages: `ema_norm_weight` belongs to `norm.weight`."""
    dotted = {f"ema_{name.replace('.', '_')}": name for name in values}
    averages = {dotted[name]: value for name, value in values.items() if name in dotted}
    yield place, {name: value for name, value in values.items() if name not in dotted}
    if averages:
        yield f"{place}.ema".lstrip("."), averages


def networks(values: Mapping[str, Any]) -> list[str]:
    """Returns the prefix of each Swin or ResNet in a state dict, such as "" or "module."."""
    found: dict[str, tuple[int, int, str]] = {}
    landmarks = {f"{layout.block(0, 0)}.norm1.weight": [] for layout in LAYOUTS.values()}
    for layout in LAYOUTS.values():
        landmarks[f"{layout.block(0, 0)}.norm1.weight"].append(layout.landmarks)
    landmarks[f"{torch_resnet.block(0, 0)}.conv1.weight"] = [(torch_resnet.STEM, torch_resnet.HEAD)]
    for name in values:
        for anchor, layouts in landmarks.items():
            if name != anchor and not name.endswith(f".{anchor}"):
                continue
            prefix = name.removesuffix(anchor)
            shared = max(sum(prefix + mark in values for mark in marks) for marks in layouts)
            # Prefer the reading with more names of the layout, then the shorter prefix.
            found[name] = max(found.get(name, (-1, 0, "")), (shared, -len(prefix), prefix))

    return list(dict.fromkeys(prefix for _, _, prefix in found.values()))


def choose(content: Any, wanted: str, source: str | Path) -> Values:
    """Returns the state dict of a file's network without name prefixes.

    Args:
      content: contents of the file.
      wanted: name of the network if there are several; "" if there is one.
      source: name of the file for errors.

    Raises:
      UserError: there is no state dict, `wanted` is needed or unknown.
    """
    dicts = state_dicts(content)
    found = {
        f"{place}.{prefix}".strip(".") or _WHOLE: {
            name.removeprefix(prefix): value
            for name, value in values.items()
            if name.startswith(prefix)
        }
        for place, values in dicts.items()
        for prefix in networks(values)
    }
    if wanted:
        if wanted not in found:
            raise UserError(
                f"{source} holds no network {wanted!r}; it holds {', '.join(map(repr, found)) or 'none'}"
            )
        return found[wanted]
    if len(found) > 1 and not _are_equal(list(found.values())):
        raise UserError(
            f"{source} holds {len(found)} networks, {', '.join(list(found)[:_LISTED])}: "
            f"say which, as in '{source}#{list(found)[-1]}'"
        )
    if found:
        return next(iter(found.values()))
    if not dicts:
        held = (
            f"its keys are {', '.join(map(str, list(content)[:8]))}"
            if isinstance(content, dict)
            else "it is none"
        )
        raise UserError(f"{source} holds no state dict, that is, no dictionary of tensors: {held}")

    return without_prefixes(
        next((dicts[name] for name in WRAPPERS if name in dicts), next(iter(dicts.values())))
    )


def _are_equal(networks_found: list[Values]) -> bool:
    """Returns whether several locations hold the same tensors."""
    first, *others = networks_found
    return all(
        other.keys() == first.keys() and all(_same(other[name], first[name]) for name in first)
        for other in others
    )


def _same(one: Any, other: Any) -> bool:
    try:
        return np.array_equal(to_numpy(one), to_numpy(other), equal_nan=True)
    except (TypeError, ValueError, KeyError, OverflowError, zipfile.BadZipFile):
        return False


def to_numpy(value: Any) -> np.ndarray:
    """Converts a tensor to an array. Raises ValueError unless it is plain and dense."""
    if isinstance(value, inert_pickle.Record):
        raise ValueError(value.origin)
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


def without_prefixes(state: dict[str, Any]) -> dict[str, Any]:
    """Removes the name prefixes of model wrappers."""
    for prefix in PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return without_prefixes(
                {name.removeprefix(prefix): value for name, value in state.items()}
            )
    return state
