"""Writes a set of features video by video; an interrupted set is resumed.

A finished video is a file, and a line in a journal of its process. When all videos are done,
`features.json` lists them, and the journals are deleted.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.features import feature_info
from albar_jax.features.feature_info import FeatureInfo, VideoInfo, video_info
from albar_jax.features.layouts.base import Layout
from albar_jax.features.row_file import RowFiles, Rows
from albar_jax.features.video_rows import VideoRow
from albar_jax.files import replacing, write_text
from albar_jax.storage.inside import inside, joined, own_folder
from albar_jax.storage.journal import AddEntry, Journal, forget


class FeatureWriter:
    """The set of features in a folder, which may be new, incomplete or complete.

    Args:
      folder: folder of the features.
      info: the settings that determine the features.
      layout: the files.

    Raises:
      UserError: the folder holds other files, or features of other settings.
    """

    def __init__(self, folder: Path, info: FeatureInfo, layout: Layout):
        self._folder = folder
        self._info = info
        self._layout = layout
        self._videos: dict[str, VideoInfo] = {}

        is_complete = (folder / feature_info.FILE).exists()
        if is_complete:
            recorded, self._videos, _ = feature_info.read(folder)
            _check_same(folder, recorded, info)
        self._journal = Journal(folder, info.as_json(), is_ours=is_complete)

    def finished(self) -> dict[str, VideoInfo]:
        """Returns the videos that have features, by id."""
        rows_of, _ = self._journal.read()
        videos = dict(self._videos)
        for name, entries in rows_of.items():
            # A damaged line costs only repeated work.
            with contextlib.suppress(UserError):
                videos[name] = video_info(entries[0].get("video"), name)

        return {name: video for name, video in videos.items() if self._path(name, video).exists()}

    @contextlib.contextmanager
    def writing(self, shard: tuple[int, int]) -> Iterator["VideoWriter"]:
        """Opens the journal of a process.

        Args:
          shard: (i, n) for the i-th of n processes, from 1.
        """
        rows_of = RowFiles(self._journal.folder, self._info.crops, self._info.width)
        with self._journal.writing(shard) as add_entry, rows_of:
            yield VideoWriter(rows_of, add_entry, self._write)

    def publish(self, order: Sequence[str]) -> Sequence[str]:
        """Writes `features.json` and the files of the layout, and forgets the journals.

        Args:
          order: ids of the videos in their order. Other videos of the folder follow.

        Returns:
          Sentences for the user.

        Raises:
          UserError: the layout cannot be used without the videos that were unreadable.
        """
        finished = self.finished()
        _, failed = self._journal.read()
        others = [name for name in self._videos if name not in {*order}]
        videos = {name: finished[name] for name in [*order, *others] if name in finished}
        unreadable = {name: failed[name] for name in order if name in failed}

        text = feature_info.to_text(self._info, videos, unreadable)
        write_text(self._folder / feature_info.FILE, text)
        forget(self._folder)

        return self._layout.finish(self._folder, videos)

    def _write(self, name: str, video: VideoInfo, rows: Rows) -> None:
        path = self._path(name, video)
        own_folder(self._folder, *path.relative_to(self._folder).parts[:-1])
        with replacing(path) as partial:
            save_rows(partial, self._layout, rows, video.split)

    def _path(self, name: str, video: VideoInfo) -> Path:
        return inside(self._folder, *self._layout.path_of(name, video.split))


class VideoWriter:
    """Writes the features of videos, and records which are done; see `FeatureWriter.writing`.

    Attributes:
      rows_of: the rows of videos that are not finished, by any number.
    """

    def __init__(
        self,
        rows_of: RowFiles,
        add_entry: AddEntry,
        write: Callable[[str, VideoInfo, Rows], None],
    ):
        self.rows_of = rows_of
        self._add_entry = add_entry
        self._write = write

    def finish(self, row: VideoRow, rows: Rows, *, num_frames: int, fps: float | None) -> None:
        """Writes the features of a video, then records it.

        Args:
          row: the video.
          rows: its features.
          num_frames: frames of the video.
          fps: average frames per second; None if unknown.
        """
        video = VideoInfo(row.path, num_frames, len(rows), fps, row.split, row.label)
        self._write(row.id, video, rows)
        entry = {"id": row.id, "video": dataclasses.asdict(video)}
        self._add_entry(row.id, [entry], "")

    def fail(self, row: VideoRow, reason: str) -> None:
        """Records why a video has no features."""
        self._add_entry(row.id, [], reason)


def check_places(folder: Path, layout: Layout, rows: Sequence[VideoRow]) -> None:
    """Checks the files of all videos before any work.

    Args:
      folder: folder of the features, which need not exist.
      layout: the layout of the files.
      rows: the videos.

    Raises:
      UserError: the id or the split of a video does not fit the layout, or two videos would have
        the same file.
    """
    id_of: dict[tuple[str, ...], str] = {}
    for row in rows:
        parts = layout.path_of(row.id, row.split)
        joined(folder, *parts)
        other = id_of.setdefault(parts, row.id)
        if other != row.id:
            raise UserError(
                f"the videos {other!r} and {row.id!r} would have the same file, "
                f"{'/'.join(parts)}; give them other ids"
            )


def save_rows(path: Path, layout: Layout, rows: Rows, split: str | None) -> None:
    """Writes the features of a video as .npy, in blocks.

    Args:
      path: the file, which is not replaced atomically.
      layout: the layout of the file.
      rows: features of the windows.
      split: split of the video.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": layout.shape_of(len(rows), split),
    }
    with path.open("wb") as file:
        # The bytes of `np.save`.
        np.lib.format.write_array_header_1_0(file, header)
        for block in layout.blocks(rows, split):
            file.write(np.ascontiguousarray(block, np.float32).data)


def _check_same(folder: Path, recorded: FeatureInfo, info: FeatureInfo) -> None:
    """Raises UserError if a folder holds features of other settings."""
    # As JSON, because tuples become lists.
    current = json.loads(json.dumps(info.as_json()))
    difference = feature_info.describe_difference(recorded.as_json(), current)
    if difference:
        raise UserError(
            f"{folder} holds features with {difference}; give another --out, or remove it"
        )
