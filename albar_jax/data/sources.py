"""Plans the records that a manifest is packed into, and encodes each video as bytes."""

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

# The split of rows without one. tensorflow-datasets reserves "all" for itself.
UNSPLIT = "videos"
# Maximum size of a video in bytes. A protocol buffer ends at 2 GB and also holds a label and an id.
MAX_BYTES = (1 << 31) - (1 << 16)
# The earliest time that a zip can hold. A fixed time makes the bytes reproducible.
_NO_TIME = (1980, 1, 1, 0, 0, 0)

# A row of a manifest, as `manifest.write_manifest` takes it: path and label, and split and id if
# given.
Row = dict[str, str | int]


@dataclasses.dataclass(frozen=True)
class VideoFile:
    """A video to pack.

    Attributes:
      path: a file, or a folder of images.
      size: number of bytes in total.
      label: class number.
      id: id of the clip.
    """

    path: str
    size: int
    label: int
    id: str


@dataclasses.dataclass(frozen=True)
class PackingPlan:
    """The videos to pack, and the record of each row.

    Attributes:
      splits: name of a split -> its videos in order.
      places: for each row of the manifest, the split and number of its record.
      classes: class names in the order of their numbers.
    """

    splits: dict[str, list[VideoFile]]
    places: list[tuple[str, int]]
    classes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Returns the number of bytes of all videos."""
        return sum(file.size for files in self.splits.values() for file in files)

    def fingerprint(self) -> str:
        """Returns a digest of the classes and of the id, label and size of each video.

        The contents of the videos are not read.
        """
        splits = {}
        for name, files in self.splits.items():
            splits[name] = [(file.id, file.label, file.size) for file in files]

        return hashlib.sha256(json.dumps([self.classes, splits]).encode()).hexdigest()


def plan_packing(rows: Sequence[Row], classes: Sequence[str], out: pathlib.Path) -> PackingPlan:
    """Plans the records of a manifest.

    Opens every video once, so that an unreadable video is found before hours of packing.

    Args:
      rows: rows of the manifest.
      classes: class names in the order of their numbers.
      out: folder of the manifest; paths are relative to it.

    Raises:
      UserError: a video cannot be read or is too large, or a label or the name of a split is not
        valid.
    """
    number_of = {name: number for number, name in enumerate(classes)}

    # A path that is listed again is packed once.
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(str(row["path"]), row)

    sizes = map_ahead(_size, (os.path.join(out, path) for path in first))
    bar = tqdm(sizes, "looking at the videos", len(first), unit="video")

    splits: dict[str, list[VideoFile]] = {}
    place_of: dict[str, tuple[str, int]] = {}
    for (path, row), size in zip(first.items(), bar, strict=True):
        split = _split_name(str(row.get("split") or UNSPLIT))
        files = splits.setdefault(split, [])
        place_of[path] = split, len(files)
        label = _label(str(row["label"]), number_of)
        files.append(VideoFile(os.path.join(out, path), size, label, id_of(row)))

    places = [place_of[str(row["path"])] for row in rows]

    return PackingPlan(splits, places, tuple(classes))


def id_of(row: Row) -> str:
    """Returns the id of a row, by the rule of `manifest`."""
    return str(row.get("id") or os.path.splitext(str(row["path"]))[0])


def shards(files: Sequence[VideoFile], shard_bytes: int) -> Iterator[list[VideoFile]]:
    """Divides a split into shards of about equal size, in order.

    Args:
      files: the videos of the split.
      shard_bytes: approximate size of a shard in bytes.
    """
    total = sum(file.size for file in files)
    count = max(1, round(total / shard_bytes))

    shard: list[VideoFile] = []
    start = number = 0
    for file in files:
        # The number of the shard that the middle of this video falls into.
        place = (2 * start + file.size) * count // (2 * total) if total else 0
        if place > number and shard:
            yield shard
            shard = []

        number = place
        shard.append(file)
        start += file.size

    yield shard


def encoded(path: str) -> bytes:
    """Returns a file as it is, and a folder as a zip of its images.

    The same folder always gives the same bytes.

    Raises:
      UserError: the video cannot be read.
    """
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
    """Returns the size of a video in bytes. Raises UserError if it cannot be read or packed."""
    try:
        files = [path]
        if access.is_folder(path):
            files = [str(file) for file in _images(path)]
        for file in files:
            first_bytes(file)
        size = sum(access.stat(file).st_size for file in files)
    except OSError as error:
        raise _unreadable(path, error) from error
    except DecodeError as error:
        raise UserError(f"cannot read {error}; repair it or remove it from the manifest") from error

    if size > MAX_BYTES:
        raise UserError(
            f"{path} has {size / 1e9:.1f} GB, and a record holds at most 2; remove it from "
            "the manifest"
        )

    return size


def _images(folder: str) -> list[pathlib.Path]:
    return sorted(file for file in pathlib.Path(folder).iterdir() if is_frame(file.name))


def _unreadable(path: str, error: OSError) -> UserError:
    return UserError(
        f"cannot read {error.filename or path}: {error.strerror}; repair it or remove it from the "
        "manifest"
    )


def _label(label: str, number_of: Mapping[str, int]) -> int:
    """Returns the class number of a label, which is a class name or a number."""
    if label in number_of:
        return number_of[label]

    number = whole(label)
    if number is not None and 0 <= number < len(number_of):
        return number

    raise UserError(
        f"the label {label!r} is neither one of the {len(number_of)} classes nor the number of one"
    )


def _split_name(name: str) -> str:
    """Returns the name of a split. Raises UserError if tensorflow-datasets does not allow it."""
    if not re.fullmatch(r"\w+", name, re.ASCII) or name == "all":
        raise UserError(
            f"the split {name!r} cannot be packed: its name must be letters, digits and "
            "underscores, and not 'all'"
        )
    return name
