"""Reads the metadata of a folder of ArrayRecord shards and lists its shards.

A folder may be untrusted, and tensorflow-datasets imports the classes that `features.json` names.
Here nothing in a folder determines what is imported or which other files are opened. Features, file
format and shard names are fixed in this file; the metadata is only compared with them.
"""

import dataclasses
import functools
import os
import re
from collections.abc import Mapping
from typing import Any

from albar_jax.data.record_files import (
    FEATURES,
    INFO,
    MAX_METADATA_BYTES,
    REMEDY,
    RecordFiles,
    parse_json,
)
from albar_jax.errors import UserError
from albar_jax.storage import access

METADATA = "metadata.json"
# The name of a data set.
NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)

_MODULE = "tensorflow_datasets.core.features"
# The classes that tensorflow-datasets writes for the features of `record_builder`; "" is the dict
# of all features.
_CLASSES = {
    "": f"{_MODULE}.features_dict.FeaturesDict",
    "id": f"{_MODULE}.text_feature.Text",
    "label": f"{_MODULE}.class_label_feature.ClassLabel",
    "video": f"{_MODULE}.tensor_feature.Tensor",
}
_FORMAT = "array_record"
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_SPLIT = re.compile(r"\w{1,100}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,12}")
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
    files = RecordFiles(directory)
    files.check_is_complete()
    _check_features(files)

    try:
        lengths_of = _shard_lengths(files.read_json(INFO), len(files.entries))
    # UserError is a ValueError, too.
    except UserError:
        raise
    except _BAD_STRUCTURE as error:
        raise UserError(
            f"{os.path.join(directory, INFO)} is damaged ({error!r}); {REMEDY}"
        ) from error

    splits = {}
    for split, lengths in lengths_of.items():
        shards = []
        for name, length in lengths.items():
            files.check_file(name)
            shards.append(Shard(os.path.join(directory, name), length))
        splits[split] = tuple(shards)

    return RecordFolder(splits, files.sums, files.unlisted())


@functools.cache
def folder_of(directory: str) -> RecordFolder:
    """Returns the checked metadata of a folder; each process reads it once. See `read_folder`."""
    return read_folder(directory)


def fingerprint(directory: str | os.PathLike[str]) -> str | None:
    """Returns the fingerprint of the videos that were packed into a folder.

    Returns None if the fingerprint cannot be read.
    """
    try:
        path = os.path.join(directory, METADATA)
        content = parse_json(access.read_bytes(path, MAX_METADATA_BYTES))
    except (OSError, ValueError):
        return None

    value = content.get("fingerprint") if isinstance(content, dict) else None
    return value if isinstance(value, str) else None


def _check_features(files: RecordFiles) -> None:
    """Raises UserError unless the features are the ones that `record_builder` writes."""
    path = os.path.join(files.directory, FEATURES)
    try:
        content = files.read_json(FEATURES)
        features = content["featuresDict"]["features"]
        classes = {name: feature["pythonClassName"] for name, feature in features.items()}
        classes = {"": content["pythonClassName"], **classes}
    # UserError is a ValueError, too.
    except UserError:
        raise
    except _BAD_STRUCTURE as error:
        raise UserError(f"{path} is damaged ({error!r}); {REMEDY}") from error

    for name in sorted(classes.keys() | _CLASSES.keys()):
        if classes.get(name) != _CLASSES.get(name):
            named = f"the class {str(classes[name])[:100]!r}" if name in classes else "no class"
            feature = f"the feature {name!r}" if name else "the features"
            raise UserError(
                f"{path} names {named} for {feature}, but packing writes "
                f"{_CLASSES.get(name, 'none')}; classes named in files are never imported, so "
                f"{REMEDY}"
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
    if not NAME.fullmatch(name):
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
