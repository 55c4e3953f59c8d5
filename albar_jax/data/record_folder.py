"""Reads the metadata of a folder of ArrayRecord shards and lists its shards.

A folder may be untrusted, and tensorflow-datasets imports the classes that `features.json` names.
Here nothing in a folder determines what is imported or which other files are opened. Features, file
format and shard names are fixed in this file; the metadata is only compared with them.
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
# The classes that tensorflow-datasets writes for the features of `record_builder`; "" is the dict of
# all features.
_CLASSES = {
    "": f"{_FEATURES}.features_dict.FeaturesDict",
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
# Raised by the code below for JSON of an unexpected structure.
_BAD_STRUCTURE = (ValueError, KeyError, TypeError, AttributeError)


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file of records.

    Attributes:
      path: path of the file.
      length: number of records, from the metadata.
    """

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
      UserError: a file is missing, damaged or outside the folder, or has contents that `pack` never
        writes.
      StorageError: the system failed to read the folder.
    """
    folder = _Folder(directory)
    folder.check_is_complete()
    _check_features(folder)

    try:
        lengths_of = _shard_lengths(folder.read_json(INFO), len(folder.entries))
    except _BAD_STRUCTURE as error:
        # UserError is a ValueError, too.
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{os.path.join(directory, INFO)} is damaged ({error!r}); {_REMEDY}"
        ) from error

    splits = {}
    for split, lengths in lengths_of.items():
        shards = []
        for name, length in lengths.items():
            folder.check_file(name)
            shards.append(Shard(os.path.join(directory, name), length))
        splits[split] = tuple(shards)

    return RecordFolder(splits, folder.sums, folder.unlisted())


def fingerprint(directory: str | os.PathLike[str]) -> str | None:
    """Returns the fingerprint of the videos that were packed into a folder.

    Returns None if the fingerprint cannot be read.
    """
    try:
        path = os.path.join(directory, METADATA)
        content = _parse_json(access.read_bytes(path, _MAX_METADATA_BYTES))
    except (OSError, ValueError):
        return None

    value = content.get("fingerprint") if isinstance(content, dict) else None
    return value if isinstance(value, str) else None


class _Folder:
    """The listing and the sums of a folder.

    Attributes:
      directory: path of the folder.
      entries: file name -> directory entry.
      sums: file name -> sum; None if the folder has no list of sums.
    """

    def __init__(self, directory: str):
        self.directory = directory
        self.entries = access.patiently(lambda: _list(directory), directory)
        self.sums = checksums.read(directory)

    def check_is_complete(self) -> None:
        """Raises UserError if a listed file or a file of metadata is missing."""
        required = {*(self.sums or ()), INFO, _FEATURES_FILE}
        missing = sorted(required - set(self.entries))
        if missing:
            raise UserError(
                f"{self.directory} lacks {len(missing)} of its files, such as {missing[0]}; "
                f"{_REMEDY}"
            )

    def unlisted(self) -> tuple[str, ...]:
        """Returns the files without a sum, sorted; none if there are no sums."""
        if self.sums is None:
            return ()
        listed = self.sums
        names = [name for name in self.entries if name not in listed and not _needs_no_sum(name)]
        return tuple(sorted(names))

    def check_file(self, name: str) -> None:
        """Raises UserError unless the file exists, is regular and is inside the folder."""
        path = os.path.join(self.directory, name)
        if name not in self.entries:
            raise UserError(f"{self.directory} lacks {name}; {_REMEDY}")

        entry = self.entries[name]
        inside = os.path.realpath(self.directory) + os.sep
        if entry.is_symlink() and not os.path.realpath(path).startswith(inside):
            raise UserError(
                f"{path} is a link out of its folder; replace it by the file itself, for example "
                "with `cp -L`"
            )

        try:
            is_regular = access.patiently(entry.is_file, path)
        # A loop of links.
        except OSError:
            is_regular = False
        if not is_regular:
            raise UserError(f"{path} is not a regular file; {_REMEDY}")

    def read_json(self, name: str) -> Any:
        """Reads a JSON file and verifies its sum.

        Raises:
          UserError: the file is missing, too large, or differs from its sum.
          ValueError: it is not JSON.
        """
        self.check_file(name)

        path = os.path.join(self.directory, name)
        content = access.read_bytes(path, _MAX_METADATA_BYTES)
        if len(content) == _MAX_METADATA_BYTES:
            raise UserError(
                f"{path} has more than {_MAX_METADATA_BYTES >> 20} MB, too large for metadata; "
                f"{_REMEDY}"
            )

        expected = (self.sums or {}).get(name)
        if expected is not None and expected != hashlib.sha256(content).hexdigest():
            raise UserError(checksums.damaged(path))

        return _parse_json(content)


def _list(directory: str) -> dict[str, os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return {entry.name: entry for entry in entries}


def _needs_no_sum(name: str) -> bool:
    """Returns whether a file is the list of sums itself or a hidden file of the system."""
    return name == checksums.SUMS or name.startswith(".")


def _parse_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    # A few hundred brackets cause this.
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _check_features(folder: _Folder) -> None:
    """Raises UserError unless the features are the ones that `record_builder` writes."""
    path = os.path.join(folder.directory, _FEATURES_FILE)
    try:
        content = folder.read_json(_FEATURES_FILE)
        features = content["featuresDict"]["features"]
        classes = {name: feature["pythonClassName"] for name, feature in features.items()}
        classes = {"": content["pythonClassName"], **classes}
    except _BAD_STRUCTURE as error:
        # UserError is a ValueError, too.
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({error!r}); {_REMEDY}") from error

    for name in sorted(classes.keys() | _CLASSES.keys()):
        if classes.get(name) != _CLASSES.get(name):
            named = f"the class {str(classes[name])[:100]!r}" if name in classes else "no class"
            feature = f"the feature {name!r}" if name else "the features"
            raise UserError(
                f"{path} names {named} for {feature}, but packing writes "
                f"{_CLASSES.get(name, 'none')}; classes named in files are never imported, so "
                f"{_REMEDY}"
            )


def _shard_lengths(info: Any, most: int) -> dict[str, dict[str, int]]:
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

    lengths_of: dict[str, dict[str, int]] = {}
    for split in info["splits"]:
        split_name = str(split["name"])
        if not _SPLIT.fullmatch(split_name) or split_name in lengths_of:
            raise ValueError(f"{split_name!r} is not a valid name of a split, or occurs twice")

        template = split.get("filepathTemplate", _TEMPLATE)
        if template != _TEMPLATE:
            raise ValueError(
                f"the files of the split {split_name!r} are {template!r}, not {_TEMPLATE!r}"
            )

        lengths = [_count(length) for length in split["shardLengths"][: most + 1]]
        if len(lengths) > most:
            raise ValueError(f"the split {split_name!r} has more shards than the folder has files")

        prefix = f"{name}-{split_name}.{_FORMAT}"
        lengths_of[split_name] = {
            f"{prefix}-{number:05d}-of-{len(lengths):05d}": length
            for number, length in enumerate(lengths)
        }

    return lengths_of


def _count(length: Any) -> int:
    if not _COUNT.fullmatch(str(length)):
        raise ValueError(f"{str(length)[:40]!r} is not a number of records")
    return int(length)
