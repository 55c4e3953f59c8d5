"""Finds the state dict of a network in the contents of a weight file."""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.errors import UserError
from albar_jax.storage import inert_pickle
from albar_jax.weights.name_tables import TABLES
from albar_jax.weights.stand_ins import Tensor

StateDict = dict[str, np.ndarray]
# Tensors by name, readable or not.
Values = dict[str, Any]

# Common keys of the state dict, used only if no network is recognized.
WRAPPERS = ("state_dict", "model_state_dict", "model")
# Prefixes of DataParallel, torch.compile and Lightning.
PREFIXES = ("module.", "_orig_mod.", "model.")
# Name parts that torch.compile, FSDP and activation checkpointing insert.
_INSERTED = re.compile(r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# The number of names in a message.
_LISTED = 8
# The name of a network at the top level of a file.
_WHOLE = "whole"


def state_dicts(content: Any) -> dict[str, Values]:
    """Returns all state dicts in a file by their location, such as "" or "ema.module"."""
    by_location = {place: values for place, values in _walk("", content, {}) if values}
    split = {}
    for place, values in by_location.items():
        split.update(_averages_split(place, values))
    return split


def _walk(place: str, content: Any, seen: dict[int, Any]) -> Iterator[tuple[str, Values]]:
    """Yields the tensors of each dictionary, list and module; visits shared objects once."""
    if id(content) in seen:
        return
    # Holding the object keeps its id from being reused.
    seen[id(content)] = content

    if isinstance(content, (list, tuple)):
        content = dict(enumerate(content))
    if isinstance(content, inert_pickle.Record):
        module = _module_state(content)
        yield place, module
        # A module's tensors are complete; other records may contain further dictionaries.
        is_searched = isinstance(content.state, dict) and not module
        content = content.state if is_searched else {}
    if not isinstance(content, dict):
        return

    tensors = {}
    for name, value in content.items():
        if _is_tensor(value):
            tensors[_INSERTED.sub("", str(name))] = value
    yield place, tensors
    for name, value in content.items():
        yield from _walk(f"{place}.{name}".lstrip("."), value, seen)


def _is_tensor(value: Any) -> bool:
    if isinstance(value, (Tensor, np.ndarray, inert_pickle.Array)):
        return True
    # Sparse and quantized tensors, for example, are not readable.
    is_unreadable = isinstance(value, inert_pickle.Record) and value.origin.startswith("torch.")
    return is_unreadable and not _module_state(value)


def _module_state(record: inert_pickle.Record) -> Values:
    """Returns the state dict of a pickled `torch.nn.Module`; {} for any other object."""
    state = record.state
    if not isinstance(state, dict) or not isinstance(state.get("_modules"), dict):
        return {}

    values = {}
    for kind in ("_parameters", "_buffers"):
        for name, value in (state.get(kind) or {}).items():
            if value is not None:
                values[str(name)] = value

    # Children are modules, too; their tensors get dotted names.
    for name, child in state["_modules"].items():
        if isinstance(child, inert_pickle.Record):
            values |= _prefixed(f"{name}.", _module_state(child))
    return values


def _prefixed(prefix: str, values: Values) -> Values:
    """Returns the values with a prefix before each name."""
    return {f"{prefix}{name}": value for name, value in values.items()}


def _averages_split(place: str, values: Values) -> Iterator[tuple[str, Values]]:
    """Separates mmcv's moving averages: `ema_norm_weight` is the average of `norm.weight`."""
    averaged_name = {f"ema_{name.replace('.', '_')}": name for name in values}
    weights, averages = {}, {}
    for name, value in values.items():
        if name in averaged_name:
            averages[averaged_name[name]] = value
        else:
            weights[name] = value

    yield place, weights
    if averages:
        yield f"{place}.ema".lstrip("."), averages


def networks(values: Mapping[str, Any]) -> list[str]:
    """Returns the prefix of each Swin or ResNet in a state dict, such as "" or "module."."""
    # Several code bases can name the first block's first weight the same.
    landmarks: dict[str, list[tuple[str, ...]]] = {}
    for table in TABLES:
        landmarks.setdefault(table.block_name(0, 0), []).append(table.landmarks)

    best: dict[str, tuple[int, int, str]] = {}
    for name in values:
        for anchor, candidates in landmarks.items():
            if name != anchor and not name.endswith(f".{anchor}"):
                continue
            prefix = name.removesuffix(anchor)
            shared = max(sum(prefix + mark in values for mark in marks) for marks in candidates)
            # Prefer the reading with more landmarks, then the shorter prefix.
            best[name] = max(best.get(name, (-1, 0, "")), (shared, -len(prefix), prefix))

    return list(dict.fromkeys(prefix for _, _, prefix in best.values()))


def choose(content: Any, wanted: str, source: str | Path, preferred: Sequence[str] = ()) -> Values:
    """Returns the state dict of a file's network without name prefixes.

    Args:
      content: contents of the file.
      wanted: name of the network if there are several; "" if there is one.
      source: name of the file for errors.
      preferred: locations of the state dict that come before `WRAPPERS`.

    Raises:
      UserError: there is no state dict, or `wanted` is missing or unknown.
    """
    dicts = state_dicts(content)
    by_name = _networks_by_name(dicts)
    names = list(by_name)
    if wanted:
        if wanted not in by_name:
            available = ", ".join(map(repr, names)) or "none"
            raise UserError(f"{source} holds no network {wanted!r}; it holds {available}")
        return by_name[wanted]

    if len(by_name) > 1 and not _are_equal(list(by_name.values())):
        raise UserError(
            f"{source} holds {len(names)} networks, {', '.join(names[:_LISTED])}: "
            f"say which, as in '{source}#{names[-1]}'"
        )
    if by_name:
        return by_name[names[0]]
    if not dicts:
        raise UserError(_no_state_dict(content, source))

    # Not a known network; the caller names what is missing.
    places = [name for name in (*preferred, *WRAPPERS) if name in dicts]
    return without_prefixes(dicts[places[0]] if places else next(iter(dicts.values())))


def _networks_by_name(dicts: dict[str, Values]) -> dict[str, Values]:
    """Returns the weights of each network in state dicts by the name that selects it."""
    by_name = {}
    for place, values in dicts.items():
        for prefix in networks(values):
            name = f"{place}.{prefix}".strip(".") or _WHOLE
            by_name[name] = {
                key.removeprefix(prefix): value
                for key, value in values.items()
                if key.startswith(prefix)
            }
    return by_name


def _no_state_dict(content: Any, source: str | Path) -> str:
    contents = "its content is not a dictionary"
    if isinstance(content, dict):
        contents = f"its keys are {', '.join(map(str, list(content)[:_LISTED]))}"
    return f"{source} holds no state dict, that is, no dictionary of tensors: {contents}"


def _are_equal(candidates: list[Values]) -> bool:
    """Returns whether several locations hold the same tensors."""
    first, *others = candidates
    for other in others:
        if other.keys() != first.keys():
            return False
        if not all(_is_same(other[name], first[name]) for name in first):
            return False
    return True


def _is_same(one: Any, other: Any) -> bool:
    try:
        return np.array_equal(to_numpy(one), to_numpy(other), equal_nan=True)
    except (TypeError, ValueError, KeyError, OverflowError, zipfile.BadZipFile):
        return False


def to_numpy(value: Any) -> np.ndarray:
    """Converts a tensor to an array.

    Raises:
      ValueError: the tensor is not plain and dense.
    """
    if isinstance(value, inert_pickle.Record):
        raise ValueError(value.origin)
    if isinstance(value, Tensor):
        return value.numpy()
    return np.asarray(value)


def without_prefixes(state: Values) -> Values:
    """Removes the name prefixes of model wrappers."""
    for prefix in PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return without_prefixes(
                {name.removeprefix(prefix): value for name, value in state.items()}
            )
    return state
