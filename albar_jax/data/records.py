"""Reads and packs videos in ArrayRecord shards of tensorflow-datasets.

A record is named `<dataset dir>#<split>/<number>`. `pack` writes the records. A manifest whose
paths are such names works like any other manifest. The records hold the bytes of the files, so
batches are bit-identical. TensorFlow is not needed; tensorflow-datasets is needed only for packing.
"""

import functools
import os
import pathlib
import re
import shutil
from collections.abc import Iterable, Sequence

from tqdm import tqdm

from albar_jax.data import checksums, record_folder
from albar_jax.data.readers.base import DecodeError
from albar_jax.data.record_folder import INFO, Shard, folder_of
from albar_jax.data.shard_reader import close_shards, read_video, stay_in_one_process
from albar_jax.data.sources import PackingPlan, Row, id_of, plan_packing, shards
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.storage.inside import own_folder, remove_folder
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import show

FOLDER = "array_record"
VERSION = "1.0.0"
SHARD_BYTES = 256 << 20
# A reader keeps one file open per shard, and many systems allow a process 1,024.
MAX_SHARDS = 256

_RECORD = re.compile(
    r"(?P<directory>.+)#(?P<split>\w+)/(?P<number>[0-9]{1,12})", re.DOTALL | re.ASCII
)


def location(name: str, out: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the directory of a data set that `pack` writes into `out`.

    Its layout is the layout of tensorflow-datasets.
    """
    return pathlib.Path(out) / FOLDER / name / VERSION


def is_record(path: str) -> bool:
    """Returns whether a path names a record.

    Queries the disk once per directory, not once per path.
    """
    match = _RECORD.fullmatch(path)
    return match is not None and _is_dataset(match["directory"])


def exists(path: str) -> bool:
    """Returns whether the data set has this record, by its metadata.

    Raises:
      UserError: the data set lacks a file.
    """
    directory, split, number = _parse(path)
    return number < folder_of(directory).lengths.get(split, 0)


def shards_of(paths: Iterable[str]) -> dict[str, list[Shard]]:
    """Returns directory -> the shards of all splits that the paths name.

    Paths that name no record are ignored.
    """
    # A dict instead of a set, to keep the order.
    splits: dict[tuple[str, str], None] = {}
    for path in paths:
        match = _RECORD.fullmatch(path)
        if match:
            splits[match["directory"], match["split"]] = None

    shards_in: dict[str, list[Shard]] = {}
    for directory, split in splits:
        if _is_dataset(directory):
            shards_in.setdefault(directory, []).extend(folder_of(directory).splits.get(split, ()))

    return shards_in


def read(path: str) -> bytes:
    """Returns the encoded video of a record.

    Each process opens a shard at its first use and keeps it open. Open shards are never pickled or
    inherited.

    Raises:
      DecodeError: the record does not exist or does not hold a video.
      StorageError: the shard is damaged, or the system failed to read it.
    """
    directory, split, number = _parse(path)
    stay_in_one_process()
    try:
        folder = folder_of(directory)
    except UserError as error:
        raise DecodeError(f"{path}: {error}") from error

    if split not in folder.splits:
        raise DecodeError(
            f"{path}: {directory} has no split {split!r}; it has {', '.join(folder.splits)}"
        )
    if number >= folder.lengths[split]:
        raise DecodeError(
            f"{path}: the split {split!r} has {folder.lengths[split]} records, numbered from 0"
        )

    shard, place = _place(folder.splits[split], number)
    try:
        return read_video(shard, place)
    except (RuntimeError, ValueError) as error:
        raise DecodeError(f"{path}: {error}") from error


def _place(shards: Sequence[Shard], number: int) -> tuple[Shard, int]:
    """Returns the shard of a record, and the record's number in that shard.

    Args:
      shards: the shards of the split.
      number: number of the record in the split.
    """
    for shard in shards:
        if number < shard.length:
            return shard, number
        number -= shard.length
    raise IndexError(number)


def pack(
    name: str,
    rows: Iterable[Row],
    classes: Sequence[str],
    out: str | os.PathLike[str],
    *,
    shard_bytes: int | None = None,
) -> list[Row]:
    """Packs the videos of a manifest into records.

    Records keep the order of the rows, and a path that is listed again is packed once. The data set
    appears at `location(name, out)` when it is complete. If the same data set exists there already,
    nothing is packed.

    Args:
      name: name of the data set: small letters, digits and underscores.
      rows: rows of `<out>/manifest.csv`. Paths are relative to `out`, labels are class names or
        their numbers, and the split is the split of the record. The caller writes the manifest.
      classes: class names in the order of their numbers.
      out: folder of the manifest.
      shard_bytes: approximate size of a shard. The default is 256 MB, or the size that gives 256
        shards if that is larger.

    Returns:
      The rows with the names of the records as paths, and with their ids.

    Raises:
      UserError: a video cannot be read, a label is unknown, the disk is too small, or other records
        exist there.
    """
    if not record_folder.NAME.fullmatch(name):
        raise UserError(
            f"a data set cannot be called {name!r}: small letters, digits and underscores, a "
            "letter first"
        )

    rows = list(rows)
    out = pathlib.Path(out)
    plan = plan_packing(rows, classes, out)
    final = location(name, out)

    with working_in(own_folder(out, FOLDER), "the folder"):
        if _is_packed(final, plan):
            show(f"{final} already exists, nothing to pack")
        else:
            _write(name, plan, final, shard_bytes or max(SHARD_BYTES, plan.size // MAX_SHARDS))

    base = final.relative_to(out).as_posix()
    packed = []
    for row, (split, number) in zip(rows, plan.places, strict=True):
        packed.append(row | {"path": f"{base}#{split}/{number}", "id": id_of(row)})

    return packed


def _write(name: str, plan: PackingPlan, final: pathlib.Path, shard_bytes: int) -> None:
    stay_in_one_process()
    root = final.parent.parent
    temporary = root / f".{name}.incomplete"
    # A killed run may have left it.
    remove_folder(temporary)

    free = shutil.disk_usage(root).free
    if free < plan.size:
        raise UserError(
            f"packing {name} takes {plan.size / 1e9:.1f} GB, but {root} has {free / 1e9:.1f} GB "
            "free"
        )

    try:
        directory = _build(name, plan, temporary, shard_bytes)
        checksums.write(directory)
        own_folder(root, name)
        os.rename(directory, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

    # They may hold a data set of the same name that was deleted.
    close_shards()
    folder_of.cache_clear()
    _is_dataset.cache_clear()


def _build(
    name: str, plan: PackingPlan, temporary: pathlib.Path, shard_bytes: int
) -> str | os.PathLike[str]:
    """Writes all shards of a data set into a temporary folder and returns their directory."""
    # Imported here, because tensorflow-datasets takes a second to import, and training needs no
    # packing.
    from albar_jax.data.record_builder import VideoRecords

    splits = {split: list(shards(files, shard_bytes)) for split, files in plan.splits.items()}
    with tqdm(total=plan.size, unit="B", unit_scale=True, desc=f"packing {name}") as bar:
        builder = VideoRecords(
            name,
            VERSION,
            temporary,
            splits=splits,
            classes=plan.classes,
            metadata={"fingerprint": plan.fingerprint()},
            packed=lambda file: bar.update(file.size),
        )
        builder.download_and_prepare(file_format="array_record")

    return builder.data_dir


def _is_packed(final: pathlib.Path, plan: PackingPlan) -> bool:
    """Returns whether the data set exists. Raises UserError if it holds other videos."""
    if not final.exists():
        return False
    if record_folder.fingerprint(final) == plan.fingerprint():
        return True
    raise UserError(
        f"{final} holds other videos than these; delete it to pack these there, or choose another "
        "folder"
    )


def _parse(path: str) -> tuple[str, str, int]:
    """Returns directory, split and number of a record."""
    match = _RECORD.fullmatch(path)
    if match is None:
        raise DecodeError(f"{path} is not the name of a record, <dataset dir>#<split>/<number>")
    return match["directory"], match["split"], int(match["number"])


@functools.cache
def _is_dataset(directory: str) -> bool:
    try:
        return access.exists(os.path.join(directory, INFO))
    # ValueError: a null byte. OSError: the path is wrong, for example too long.
    except (OSError, ValueError):
        return False
