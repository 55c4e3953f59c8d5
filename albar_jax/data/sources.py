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

from albar_jax.data.lookahead import map_ahead
from albar_jax.data.readers.base import DecodeError, first_bytes
from albar_jax.data.readers.frames import is_frame
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.storage.csv_files import whole

UNSPLIT = "videos"  # the split of rows that name none: tensorflow-datasets keeps "all" for itself
MAX_BYTES = (1 << 31) - (
    1 << 16
)  # of a video: a protocol buffer ends at 2 GB, and has a label and an id too
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold

Row = dict[
    str, str | int
]  # path, label, and split and id where there are any, as `manifest.write_manifest` takes them


@dataclasses.dataclass(frozen=True)
class VideoFile:
    """A video to pack: the file or the folder of images at `path`, `size` bytes in all."""

    path: str
    size: int
    label: int
    id: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """`splits[name]` are the videos of a split in order; row i of the manifest is video `places[i]` = (split, n)."""

    splits: dict[str, list[VideoFile]]
    places: list[tuple[str, int]]
    classes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all videos."""
        return sum(file.size for files in self.splits.values() for file in files)

    def fingerprint(self) -> str:
        """Returns a digest of all that is packed but the videos' contents, of which it has the sizes."""
        splits = {
            name: [(file.id, file.label, file.size) for file in files]
            for name, files in self.splits.items()
        }
        return hashlib.sha256(json.dumps([self.classes, splits]).encode()).hexdigest()


def plan(rows: Sequence[Row], classes: Sequence[str], out: pathlib.Path) -> Plan:
    """Opens every video once, so that one that cannot be read is known before hours of packing; raises UserError."""
    number_of = {name: number for number, name in enumerate(classes)}
    splits: dict[str, list[VideoFile]] = {}
    place_of: dict[str, tuple[str, int]] = {}
    first: dict[str, Row] = {}  # of the rows with a path
    for row in rows:
        first.setdefault(row["path"], row)
    sizes = map_ahead(_size, (os.path.join(out, row["path"]) for row in first.values()))
    for row, size in zip(
        first.values(), tqdm(sizes, "looking at the videos", len(first), unit="video"), strict=True
    ):
        split = _split_name(str(row.get("split") or UNSPLIT))
        files = splits.setdefault(split, [])
        place_of[row["path"]] = (split, len(files))
        label = _label(str(row["label"]), number_of)
        files.append(VideoFile(os.path.join(out, row["path"]), size, label, id_of(row)))
    return Plan(splits, [place_of[row["path"]] for row in rows], tuple(classes))


def id_of(row: Row) -> str:
    """Returns the id of a row, by the rule of `manifest`."""
    return str(row.get("id") or os.path.splitext(row["path"])[0])


def shards(files: Sequence[VideoFile], shard_bytes: int) -> Iterator[list[VideoFile]]:
    """Cuts a split into shards of about as many bytes each, in order."""
    total = sum(file.size for file in files)
    count = max(1, round(total / shard_bytes))
    shard, start, number = [], 0, 0
    for file in files:
        # The shard that the middle of this video falls into.
        place = (2 * start + file.size) * count // (2 * total) if total else 0
        if place > number and shard:
            yield shard
            shard = []
        number = place
        shard.append(file)
        start += file.size
    yield shard


def encoded(path: str) -> bytes:
    """Returns a file as it is, a folder as a zip of its images, always the same bytes; raises UserError."""
    try:
        if not access.is_folder(path):
            return access.read_bytes(path)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
            for file in _images(path):
                archive.writestr(zipfile.ZipInfo(file.name, _NO_TIME), access.read_bytes(file))
        return data.getvalue()
    except OSError as error:
        raise _unreadable(path, error) from error


def _size(path: str) -> int:
    try:
        files = [str(file) for file in _images(path)] if access.is_folder(path) else [path]
        for file in files:
            first_bytes(file)
        size = sum(access.stat(file).st_size for file in files)
    except OSError as error:
        raise _unreadable(path, error) from error
    except DecodeError as error:
        raise UserError(f"cannot read {error}; mend it or take it out of the manifest") from error
    if size > MAX_BYTES:
        raise UserError(
            f"{path} has {size / 1e9:.1f} GB, and a record holds at most 2; take it out of the manifest"
        )
    return size


def _images(folder: str) -> list[pathlib.Path]:
    return sorted(file for file in pathlib.Path(folder).iterdir() if is_frame(file.name))


def _unreadable(path: str, error: OSError) -> UserError:
    return UserError(
        f"cannot read {error.filename or path}: {error.strerror}; mend it or take it out of the manifest"
    )


def _label(label: str, number_of: Mapping[str, int]) -> int:
    if label in number_of:
        return number_of[label]
    number = whole(label)
    if number is not None and 0 <= number < len(number_of):
        return number
    raise UserError(
        f"the label {label!r} is neither one of the {len(number_of)} classes nor the number of one"
    )


def _split_name(name: str) -> str:
    if not re.fullmatch(r"\w+", name, re.ASCII) or name == "all":
        raise UserError(
            f"the split {name!r} cannot be packed: its name must be letters, digits and underscores, and not 'all'"
        )
    return name
