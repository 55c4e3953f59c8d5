"""Lists the videos to make features of: the rows of a manifest, or any videos with ids."""

import collections
import dataclasses
import os
from collections.abc import Sequence

from albar_jax.data.manifest import read_manifest, read_splits
from albar_jax.data.same_file import file_keys
from albar_jax.data.video_list import list_videos
from albar_jax.errors import UserError

MANIFEST_SUFFIX = ".csv"


@dataclasses.dataclass(frozen=True)
class VideoRow:
    """A video to make features of.

    Attributes:
      id: its name in the set of features.
      path: path of the video.
      split: its split of the manifest; None without one.
      label: its class; None without a manifest.
    """

    id: str
    path: str
    split: str | None = None
    label: str | None = None


def list_rows(names: Sequence[str]) -> tuple[VideoRow, ...]:
    """Returns the videos that the arguments of a command name.

    Without a manifest, the id of a video is its path below the folder that holds all of them,
    without its suffix.

    Args:
      names: one manifest, a file .csv; or files, folders and patterns, see `data.video_list`.

    Raises:
      UserError: a name leads to no video, two videos would have the same id, or a file is named
        twice.
    """
    if any(name.endswith(MANIFEST_SUFFIX) for name in names):
        if len(names) > 1:
            raise UserError("--videos takes one manifest, or videos, but not both; name one")
        if not os.path.lexists(names[0]):
            raise UserError(f"there is no manifest {names[0]}; `albar prepare` writes one")
        rows = _of_manifest(names[0])
        _check_files(rows, f" in {names[0]}; delete one of the rows")
        return rows

    paths = list_videos(names)
    absolute = [os.path.abspath(path) for path in paths]
    root = os.path.commonpath([os.path.dirname(path) for path in absolute])
    rows = []
    for path, place in zip(paths, absolute, strict=True):
        name = os.path.relpath(place, root)
        if not os.path.isdir(place):
            name = os.path.splitext(name)[0]
        rows.append(VideoRow(name, path))

    _check_ids(rows)
    _check_files(rows, "; name one of them")
    return tuple(rows)


def _of_manifest(path: str) -> tuple[VideoRow, ...]:
    manifest = read_manifest(path)
    splits = read_splits(path)
    rows = []
    for number, name in enumerate(manifest.ids):
        label = manifest.classes[manifest.labels[number]]
        rows.append(VideoRow(name, manifest.paths[number], splits[number] or None, label))

    return tuple(rows)


def _check_ids(rows: Sequence[VideoRow]) -> None:
    """Raises UserError if two videos have the same id."""
    paths_of = collections.defaultdict(list)
    for row in rows:
        paths_of[row.id].append(row.path)

    for name, paths in paths_of.items():
        if len(paths) > 1:
            raise UserError(
                f"{paths[0]} and {paths[1]} would both have the id {name!r}; write a manifest with "
                "ids, or name one of them"
            )


def _check_files(rows: Sequence[VideoRow], place_and_remedy: str) -> None:
    """Raises UserError if two videos are the same file, such as one video in both splits."""
    first: dict[str, VideoRow] = {}
    for row, key in zip(rows, file_keys([row.path for row in rows]), strict=True):
        other = first.setdefault(key, row)
        if other is not row:
            splits = f", of the splits {other.split} and {row.split}," if row.split else ""
            raise UserError(
                f"the videos {other.id!r} and {row.id!r}{splits} are the same file, "
                f"{row.path}{place_and_remedy}"
            )
