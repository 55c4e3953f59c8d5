"""Reads the metadata of a folder of ArrayRecord shards and lists its shards.

A folder may be untrusted, and tensorflow-datasets imports the classes that `features.json` names. Here
nothing in a folder determines what is imported or which other files are opened. Features, file format
and shard names are fixed in this file; the metadata is only compared with them.
"""

import dataclasses
import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from albar_jax.data import checksums
from albar_jax.errors import UserError
from albar_jax.storage import access

INFO = "dataset_info.json"
METADATA = "metadata.json"

_FEATURES_FILE = "features.json"
_FEATURES = "tensorflow_datasets.core.features"
_DICT = f"{_FEATURES}.features_dict.FeaturesDict"
# The classes that tensorflow-datasets writes for the features of `record_builder`.
_CLASSES = {
    "id": f"{_FEATURES}.text_feature.Text",
    "label": f"{_FEATURES}.class_label_feature.ClassLabel",
    "video": f"{_FEATURES}.tensor_feature.Tensor",
}
_FORMAT = "array_record"
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_SPLIT = re.compile(r"\w{1,100}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,12}")
_MAX_METADATA_BYTES = 16 << 20
_REMEDY = "copy or pack it again"


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file of records: its path and the number of records in the metadata."""

    path: str
    length: int


@dataclasses.dataclass(frozen=True)
class RecordFolder:
    """The shards of each split in order, and the SHA-256 sums.

    Attributes:
      splits: name of a split -> its shards.
      sums: file name -> sum; None for an older folder without `SHA256SUMS`.
      unlisted: files without a sum, sorted; empty if there are no sums.
    """

    splits: Mapping[str, tuple[Shard, ...]]
    sums: Mapping[str, str] | None
    unlisted: tuple[str, ...]

    @functools.cached_property
    def lengths(self) -> dict[str, int]:
        """Returns the number of records of each split."""
        return {
            split: sum(shard.length for shard in shards) for split, shards in self.splits.items()
        }


def read_folder(directory: str) -> RecordFolder:
    """Reads the metadata of a folder that `records.pack` wrote.

    Lists the folder once and opens no shard.

    Raises:
      UserError: a file is missing, damaged or outside the folder, or has contents that `pack` never writes.
      StorageError: the system failed to read the folder.
    """
    entries = access.patiently(lambda: _list(directory), directory)
    sums = checksums.read(directory)
    missing = sorted({*(sums or ()), INFO, _FEATURES_FILE} - set(entries))
    if missing:
        raise UserError(
            f"{directory} lacks {len(missing)} of its files, such as {missing[0]}; {_REMEDY}"
        )

    _check_features(directory, entries, sums)
    path = os.path.join(directory, INFO)
    try:
        names = _shard_names(_read_json(directory, INFO, entries, sums), len(entries))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({error!r}); {_REMEDY}") from error

    for name in (name for shards in names.values() for name in shards):
        _check_file(directory, name, entries)
    splits = {
        split: tuple(
            Shard(os.path.join(directory, name), length) for name, length in shards.items()
        )
        for split, shards in names.items()
    }
    unlisted = sorted(
        name for name in entries if sums is not None and name not in sums and not _is_ours(name)
    )

    return RecordFolder(splits, sums, tuple(unlisted))


def fingerprint(directory: str | os.PathLike[str]) -> str | None:
    """Returns the fingerprint of the videos from which a folder was packed; None if it cannot be read."""
    try:
        content = _parse_json(
            access.read_bytes(os.path.join(directory, METADATA), _MAX_METADATA_BYTES)
        )
    except (OSError, ValueError):
        return None
    found = content.get("fingerprint") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None


def _list(directory: str) -> dict[str, os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return {entry.name: entry for entry in entries}


def _is_ours(name: str) -> bool:
    """Returns whether a file needs no sum: the list of sums itself or a hidden file of the system."""
    return name == checksums.SUMS or name.startswith(".")


def _check_file(directory: str, name: str, entries: Mapping[str, os.DirEntry[str]]) -> None:
    """Raises UserError unless the file exists, is regular and is inside the folder."""
    path = os.path.join(directory, name)
    if name not in entries:
        raise UserError(f"{directory} lacks {name}; {_REMEDY}")
    entry = entries[name]
    if entry.is_symlink() and not os.path.realpath(path).startswith(
        os.path.realpath(directory) + os.sep
    ):
        raise UserError(
            f"{path} is a link out of its folder; replace it by the file itself, for example with `cp -L`"
        )
    try:
        is_regular = access.patiently(entry.is_file, path)
    # A loop of links.
    except OSError:
        is_regular = False
    if not is_regular:
        raise UserError(f"{path} is not a regular file; {_REMEDY}")


def _read_json(
    directory: str,
    name: str,
    entries: Mapping[str, os.DirEntry[str]],
    sums: Mapping[str, str] | None,
) -> Any:
    _check_file(directory, name, entries)
    path = os.path.join(directory, name)
    content = access.read_bytes(path, _MAX_METADATA_BYTES)
    if len(content) == _MAX_METADATA_BYTES:
        raise UserError(
            f"{path} has more than {_MAX_METADATA_BYTES >> 20} MB, too large for metadata; {_REMEDY}"
        )
    if sums is not None and name in sums and sums[name] != hashlib.sha256(content).hexdigest():
        raise UserError(checksums.damaged(path))

    return _parse_json(content)


def _parse_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    # A few hundred brackets cause this.
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _check_features(
    directory: str, entries: Mapping[str, os.DirEntry[str]], sums: Mapping[str, str] | None
) -> None:
    path = os.path.join(directory, _FEATURES_FILE)
    try:
        content = _read_json(directory, _FEATURES_FILE, entries, sums)
        features = content["featuresDict"]["features"]
        classes = {name: feature["pythonClassName"] for name, feature in features.items()}
        outer = content["pythonClassName"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({error!r}); {_REMEDY}") from error

    found, expected = {"": outer, **classes}, {"": _DICT, **_CLASSES}
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            named = f"the class {str(found[name])[:100]!r}" if name in found else "no class"
            place = f"the feature {name!r}" if name else "the features"
            raise UserError(
                f"{path} names {named} for {place}, but packing writes {expected.get(name, 'none')}; classes named in "
                f"files are never imported, so {_REMEDY}"
            )


def _shard_names(info: Any, most: int) -> dict[str, dict[str, int]]:
    """Returns {split: {file name of a shard: its number of records}}.

    Args:
      info: contents of `dataset_info.json`.
      most: number of files in the folder; no split can have more shards.

    Raises:
      ValueError, KeyError, TypeError, AttributeError: the metadata is not as `pack` writes it.
    """
    name = str(info["name"])
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid name of a data set")
    if info["fileFormat"] != _FORMAT:
        raise ValueError(f"the format is {info['fileFormat']!r}, not {_FORMAT!r}")

    names: dict[str, dict[str, int]] = {}
    for split in info["splits"]:
        split_name, template = str(split["name"]), split.get("filepathTemplate", _TEMPLATE)
        if not _SPLIT.fullmatch(split_name) or split_name in names:
            raise ValueError(f"{split_name!r} is not a valid name of a split, or occurs twice")
        if template != _TEMPLATE:
            raise ValueError(
                f"the files of the split {split_name!r} are {template!r}, not {_TEMPLATE!r}"
            )
        lengths = [_count(length) for length in split["shardLengths"][: most + 1]]
        if len(lengths) > most:
            raise ValueError(f"the split {split_name!r} has more shards than the folder has files")
        names[split_name] = {
            f"{name}-{split_name}.{_FORMAT}-{number:05d}-of-{len(lengths):05d}": length
            for number, length in enumerate(lengths)
        }

    return names


def _count(length: Any) -> int:
    if not _COUNT.fullmatch(str(length)):
        raise ValueError(f"{str(length)[:40]!r} is not a number of records")
    return int(length)
