"""Videos in ArrayRecord shards of tensorflow-datasets, each named by `<dataset dir>#<split>/<number>`.

`pack` writes them; a manifest whose paths are such names then serves as any other. The records hold the bytes of the
files, so batches are the same to the bit. TensorFlow is not needed.
"""

import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterable, Sequence

from tqdm import tqdm

from albar_jax.data import checksums, storage
from albar_jax.data.readers.base import DecodeError
from albar_jax.data.sources import Plan, Row, id_of, plan, shards
from albar_jax.errors import UserError
from albar_jax.escapes import show
from albar_jax.inside import own_folder, remove_folder
from albar_jax.lock import working_in

FOLDER = "array_record"
VERSION = "1.0.0"
INFO = "dataset_info.json"
METADATA = "metadata.json"
SHARD_BYTES = 256 << 20
# A reader keeps one file open per shard, and many systems allow a process 1,024.
MAX_SHARDS = 256

_RECORD = re.compile(r"(?P<directory>.+)#(?P<split>\w+)/(?P<number>[0-9]+)", re.DOTALL | re.ASCII)


def location(name: str, out: str | os.PathLike[str]) -> pathlib.Path:
    """Returns where `pack` puts the data set of this name: a directory as tensorflow-datasets lays it out."""
    return pathlib.Path(out) / FOLDER / name / VERSION


def is_record(path: str) -> bool:
    """Says whether a path names a record. Looks at the disk once per directory, not once per path."""
    match = _RECORD.fullmatch(path)
    return match is not None and _is_dataset(match["directory"])


def exists(path: str) -> bool:
    """Says whether the data set has this record, by its own account; raises UserError where it lacks a file."""
    directory, split, number = _parse(path)
    return number < _lengths(directory).get(split, 0)


def read(path: str) -> bytes:
    """Returns the encoded video of a record; raises DecodeError for one that is not there or is damaged.

    Shards are opened at their first use, by the process that reads, and stay open: nothing is pickled or inherited.
    """
    directory, split, number = _parse(path)
    _stay_in_one_process()
    splits = _open(directory)
    if split not in splits:
        raise DecodeError(f"{path}: {directory} has no split {split!r}; it has {', '.join(splits)}")
    if number >= len(splits[split]):
        raise DecodeError(f"{path}: the split {split!r} has {len(splits[split])} records, counted from 0")
    try:
        return splits[split][number]["video"]
    # array_record raises only RuntimeError, for damage and for storage faults.
    except RuntimeError:
        return _read_again(directory, split, number)


def _read_again(directory: str, split: str, number: int) -> bytes:
    """Rereads a record after checking that all files of its split are readable."""
    for file in sorted(os.listdir(directory)):
        if f"-{split}." in file:
            _read_through(os.path.join(directory, file))
    _open.cache_clear()
    try:
        return _open(directory)[split][number]["video"]
    except RuntimeError as error:
        raise DecodeError(f"{directory}#{split}/{number}: {error}") from error


def _read_through(path: str) -> None:
    with storage.StoredFile(path) as file:
        while file.read(SHARD_BYTES // 16):
            pass


def pack(
    name: str,
    rows: Iterable[Row],
    classes: Sequence[str],
    out: str | os.PathLike[str],
    *,
    shard_bytes: int | None = None,
) -> list[Row]:
    """Packs the videos of a manifest; returns its rows with the names of the records for paths, and with their ids.

    The rows are those of `<out>/manifest.csv`: paths relative to `out`, labels that are class names or their numbers;
    the column split says where a video goes. Records keep the order of the rows, and a path that is listed again is
    packed once. The data set appears whole at `location(name, out)` or not at all; where it is already it stays.

    Args:
      name: of the data set: small letters, digits and underscores.
      rows: of the manifest, which is the caller's to write.
      classes: of all labels, in the order of their numbers.
      out: the manifest's folder.
      shard_bytes: how large a shard is, about: 256 MB, or what makes 256 shards if that is more.

    Raises:
      UserError: a video cannot be read, a label is unknown, the disk is too small, or other records are there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"a data set cannot be called {name!r}: small letters, digits and underscores, a letter first")
    rows, out = list(rows), pathlib.Path(out)
    what = plan(rows, classes, out)
    final = location(name, out)
    with working_in(own_folder(out, FOLDER), "the folder"):
        if _packed_already(final, what):
            show(f"{final}: already there, nothing to pack")
        else:
            _write(name, what, final, shard_bytes or max(SHARD_BYTES, what.size // MAX_SHARDS))
    base = final.relative_to(out).as_posix()
    return [
        row | {"path": f"{base}#{split}/{number}", "id": id_of(row)}
        for row, (split, number) in zip(rows, what.places, strict=True)
    ]


def _write(name: str, what: Plan, final: pathlib.Path, shard_bytes: int) -> None:
    # Not at the top: tensorflow-datasets takes a second to import, and few who train pack.
    from albar_jax.data.record_builder import VideoRecords

    _stay_in_one_process()
    root = final.parent.parent
    temporary = root / f".{name}.incomplete"
    remove_folder(temporary)  # of a run that was killed
    free = shutil.disk_usage(root).free
    if free < what.size:
        raise UserError(f"packing {name} takes {what.size / 1e9:.1f} GB, but {root} has {free / 1e9:.1f} GB free")
    try:
        with tqdm(total=what.size, unit="B", unit_scale=True, desc=f"packing {name}") as bar:
            builder = VideoRecords(
                name,
                VERSION,
                temporary,
                splits={split: list(shards(files, shard_bytes)) for split, files in what.splits.items()},
                classes=what.classes,
                metadata={"fingerprint": what.fingerprint()},
                packed=lambda file: bar.update(file.size),
            )
            builder.download_and_prepare(file_format="array_record")
        checksums.write(builder.data_dir)
        own_folder(root, name)
        os.rename(builder.data_dir, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for cached in (_is_dataset, _lengths, _open):
        cached.cache_clear()


def _packed_already(final: pathlib.Path, what: Plan) -> bool:
    if not final.exists():
        return False
    with contextlib.suppress(OSError, ValueError):
        if json.loads((final / METADATA).read_text()).get("fingerprint") == what.fingerprint():
            return True
    raise UserError(f"{final} holds other videos than these; delete it to pack these there, or choose another folder")


def _parse(path: str) -> tuple[str, str, int]:
    match = _RECORD.fullmatch(path)
    if match is None:
        raise DecodeError(f"{path} is not the name of a record, <dataset dir>#<split>/<number>")
    return match["directory"], match["split"], int(match["number"])


@functools.cache
def _user() -> int:
    return os.getpid()


def _stay_in_one_process() -> None:
    """Raises RuntimeError where array_record would crash: its threads do not survive a fork."""
    if _user() != os.getpid():
        raise RuntimeError("this process was forked from one that had used records; start it by spawn instead")


@functools.cache
def _is_dataset(directory: str) -> bool:
    return storage.exists(os.path.join(directory, INFO))


@functools.cache
def _lengths(directory: str) -> dict[str, int]:
    """Records per split. Read as plain JSON, so that a program that only starts workers imports nothing for it."""
    files = storage.patiently(lambda: os.listdir(directory), directory)
    missing = sorted(set(checksums.names(directory)) - set(files))
    if missing:
        raise UserError(f"{directory} lacks {len(missing)} of its files, {missing[0]} first; copy or pack it again")
    try:
        splits = json.loads(storage.read_text(pathlib.Path(directory, INFO)))["splits"]
        return {split["name"]: sum(map(int, split["shardLengths"])) for split in splits}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{os.path.join(directory, INFO)} is damaged ({error!r}); copy or pack it again") from error


@functools.cache
def _open(directory: str):
    """The records of each split, by its name."""
    import tensorflow_datasets as tfds  # a second, which only workers that meet a record pay

    try:
        return tfds.builder_from_directory(directory).as_data_source()
    except Exception as error:  # whatever tensorflow-datasets makes of a damaged directory
        raise DecodeError(f"{directory} is not a data set of tensorflow-datasets: {error}") from error
