"""Which videos a manifest has packed as records, in which order, and the bytes of each."""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from tqdm import tqdm

from albar_jax.data.readers.base import DecodeError, first_bytes
from albar_jax.data.readers.frames import SUFFIXES
from albar_jax.errors import UserError

UNSPLIT = "videos"  # the split of rows that name none: tensorflow-datasets keeps "all" for itself
MAX_BYTES = (1 << 31) - (1 << 16)  # of a video: a protocol buffer ends at 2 GB, and has a label and an id too
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold

Row = Mapping[str, str | int]


@dataclasses.dataclass(frozen=True)
class Source:
    """A video to pack: the file or the folder of images at `path`, `size` bytes in all."""

    path: str
    size: int
    label: int
    id: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """`splits[name]` are the videos of a split in order; row i of the manifest is video `places[i]` = (split, n)."""

    splits: dict[str, list[Source]]
    places: list[tuple[str, int]]
    classes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all videos."""
        return sum(source.size for sources in self.splits.values() for source in sources)

    def fingerprint(self) -> str:
        """Returns a digest of all that is packed but the videos' contents, of which it has the sizes."""
        splits = {
            name: [(source.id, source.label, source.size) for source in sources]
            for name, sources in self.splits.items()
        }
        return hashlib.sha256(json.dumps([self.classes, splits]).encode()).hexdigest()


def plan(rows: Sequence[Row], classes: Sequence[str], out: pathlib.Path) -> Plan:
    """Opens every video once, so that one that cannot be read is known before hours of packing; raises UserError."""
    number_of = {name: number for number, name in enumerate(classes)}
    splits: dict[str, list[Source]] = {}
    place_of: dict[str, tuple[str, int]] = {}
    for row in tqdm(rows, desc="looking at the videos", unit="video"):
        if row["path"] not in place_of:
            split = str(row.get("split") or UNSPLIT)
            sources = splits.setdefault(_split_name(split), [])
            path = str(out / row["path"])
            label = _label(str(row["label"]), number_of)
            place_of[row["path"]] = (split, len(sources))
            sources.append(Source(path, _size(path), label, id_of(row)))
    return Plan(splits, [place_of[row["path"]] for row in rows], tuple(classes))


def id_of(row: Row) -> str:
    """Returns the id of a row, by the rule of `manifest`."""
    return str(row.get("id") or os.path.splitext(row["path"])[0])


def shards(sources: Sequence[Source], shard_bytes: int) -> Iterator[list[Source]]:
    """Cuts a split into shards of about as many bytes each, in order."""
    total = sum(source.size for source in sources)
    count = max(1, round(total / shard_bytes))
    shard, start, number = [], 0, 0
    for source in sources:
        # The shard that the middle of this video falls into.
        place = (2 * start + source.size) * count // (2 * total) if total else 0
        if place > number and shard:
            yield shard
            shard = []
        number = place
        shard.append(source)
        start += source.size
    yield shard


def encoded(path: str) -> bytes:
    """Returns a file as it is, a folder as a zip of its images, always the same bytes; raises UserError."""
    try:
        if not os.path.isdir(path):
            return pathlib.Path(path).read_bytes()
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
            for file in _images(path):
                archive.writestr(zipfile.ZipInfo(file.name, _NO_TIME), file.read_bytes())
        return data.getvalue()
    except OSError as error:
        raise _unreadable(path, error) from error


def _size(path: str) -> int:
    try:
        files = [str(file) for file in _images(path)] if os.path.isdir(path) else [path]
        for file in files:
            first_bytes(file)
        size = sum(map(os.path.getsize, files))
    except OSError as error:
        raise _unreadable(path, error) from error
    except DecodeError as error:
        raise UserError(f"cannot read {error}; mend it or take it out of the manifest") from error
    if size > MAX_BYTES:
        raise UserError(f"{path} has {size / 1e9:.1f} GB, and a record holds at most 2; take it out of the manifest")
    return size


def _images(folder: str) -> list[pathlib.Path]:
    return sorted(file for file in pathlib.Path(folder).iterdir() if file.name.lower().endswith(SUFFIXES))


def _unreadable(path: str, error: OSError) -> UserError:
    return UserError(f"cannot read {error.filename or path}: {error.strerror}; mend it or take it out of the manifest")


def _label(label: str, number_of: Mapping[str, int]) -> int:
    if label in number_of:
        return number_of[label]
    if label.isascii() and label.isdecimal() and int(label) < len(number_of):
        return int(label)
    raise UserError(f"the label {label!r} is neither one of the {len(number_of)} classes nor the number of one")


def _split_name(name: str) -> str:
    if not re.fullmatch(r"\w+", name, re.ASCII) or name == "all":
        raise UserError(
            f"the split {name!r} cannot be packed: its name must be letters, digits and underscores, and not 'all'"
        )
    return name
