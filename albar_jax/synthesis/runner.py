"""Makes a folder of clips and its manifest, in parallel, in shards and over several runs.

FOLDER/<clip>                the clips
FOLDER.csv                   path,label,id and further columns; written once all shards are done
FOLDER.failed.tsv            videos without clips, each with the reason
"""

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from albar_jax.data.decode import DecodeError
from albar_jax.data.prepare.disk import Folder
from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.storage import access, csv_files, journal, temporary
from albar_jax.storage.inside import inside, own_folder, parts_of, remove_folder
from albar_jax.storage.journal import Row
from albar_jax.synthesis import workers
from albar_jax.synthesis.clip_list import SourceVideo, relative
from albar_jax.terminal.escapes import printable

# Version of the clips. Increase it when the same settings would give other bytes.
RECIPE = 2


class Maker(Protocol):
    """The interface of objects that make the clips of a video. They are sent to other processes.

    Attributes:
      kind: kind of the clips, for example "scuba".
    """

    kind: str

    def settings(self) -> Mapping[str, Any]:
        """Returns all settings that change the bytes of a clip, except its video."""
        ...

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the clips of a video.

        Args:
          video: the video and its clips.
          folder: folder for the clips.

        Returns:
          A row for each clip: its id and further columns of the manifest.

        Raises:
          DecodeError: the video cannot be read.
          NoMask: the video has no usable masks.
        """
        ...


@dataclasses.dataclass(frozen=True)
class ClipSet:
    """A folder of clips with its manifest, complete or not.

    Attributes:
      manifest: path of its manifest, which exists if `unmade` is 0.
      rows: rows of the manifest.
      failed: videos without clips, each with the reason.
      unmade: number of videos that no shard has processed yet.
      notes: lines for the summary.
    """

    manifest: Path
    rows: Sequence[Row]
    failed: Mapping[str, str]
    unmade: int
    notes: Sequence[str] = ()

    @property
    def num_classes(self) -> int:
        """The number of classes that have clips."""
        return len({row["label"] for row in self.rows})

    def summary(self) -> list[str]:
        """Returns lines that describe the set for the user."""
        if self.unmade:
            return [
                f"{self.unmade} videos are left to other shards; "
                f"the last one writes {self.manifest}"
            ]

        counts = f"{len(self.rows):,} clips of {self.num_classes:,} classes"
        lines = [f"{self.manifest}: {counts}", *self.notes]
        if self.failed:
            name, reason = next(iter(self.failed.items()))
            lines.append(
                f"note: {len(self.failed)} videos have no clips, see "
                f"{_failures_file(self.manifest)}; {name!r}: {reason}"
            )
        return lines


@dataclasses.dataclass(frozen=True)
class Progress:
    """The state of a folder of clips.

    Attributes:
      complete: the videos whose clips all exist, in the order of the list of videos.
      rows: rows of the clips of each video.
      failed: videos without clips, each with the reason.
      unmade: number of videos that no shard has processed yet.
    """

    complete: Sequence[SourceVideo]
    rows: Mapping[str, list[Row]]
    failed: Mapping[str, str]
    unmade: int


def make_set(
    maker: Maker,
    videos: Sequence[SourceVideo],
    folder: Path,
    manifest: Path,
    *,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
) -> ClipSet:
    """Makes the missing clips of a shard, and the manifest if all other shards are done.

    Args:
      maker: makes the clips of a video.
      videos: the videos of all shards.
      folder: folder for the clips.
      manifest: path of the manifest.
      jobs: number of processes.
      shard: (i, n) for the i-th of n shards, from 1.

    Raises:
      UserError: the folder holds other files, or no video could be used.
    """
    progress = make_missing_clips(maker, videos, folder, jobs=jobs, shard=shard)
    return _write_set(progress, folder, manifest)


def make_missing_clips(
    maker: Maker,
    videos: Sequence[SourceVideo],
    folder: Path,
    *,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
) -> Progress:
    """Makes the missing clips of a shard.

    Args:
      maker: see `make_set`.
      videos: see `make_set`.
      folder: see `make_set`.
      jobs: see `make_set`.
      shard: see `make_set`.

    Raises:
      UserError: the folder holds other files.
    """
    record = journal.Journal(folder, {"recipe": RECIPE, "kind": maker.kind, **maker.settings()})
    rows_of, _ = record.read()
    clips = Folder(folder)
    of_shard = videos[shard[0] - 1 :: shard[1]]
    # Recorded clips are made again if their files are gone.
    todo = [video for video in of_shard if not _is_complete(video, rows_of, clips)]

    work = functools.partial(_make, maker, folder)
    total = _count_clips(of_shard)
    remaining = _count_clips(todo)
    with (
        record.writing(shard) as add_entry,
        tqdm(
            total=total, initial=total - remaining, desc=printable(folder.name), unit="clip"
        ) as bar,
    ):
        for video, (rows, reason) in workers.run(work, todo, jobs):
            add_entry(video.id, rows, reason)
            bar.update(len(video.clips))

    return _progress(videos, *record.read(), folder)


def write_table(path: Path, rows: Sequence[Row], delimiter: str = ",") -> None:
    """Writes a table atomically.

    Args:
      path: path of the file.
      rows: at least one row; all have the same keys.
      delimiter: character between the columns.
    """
    columns = list(rows[0])
    values = ([row[name] for name in columns] for row in rows)
    csv_files.write_table(path, columns, values, delimiter=delimiter)


def _count_clips(videos: Sequence[SourceVideo]) -> int:
    return sum(len(video.clips) for video in videos)


def _make(maker: Maker, folder: Path, video: SourceVideo) -> tuple[list[Row], str]:
    """Makes the clips of a video. Returns their rows, or no rows and the reason."""
    try:
        for clip in video.clips:
            *folders, name = parts_of(clip.file)
            # File names come from manifests and must not lead out of the folder.
            inside(own_folder(folder, *folders), name)
    except UserError as error:
        return [], str(error)

    try:
        # A mounted bucket may fail for a moment.
        return access.patiently(lambda: maker.make(video, folder), video.path), ""
    except (DecodeError, NoMask) as error:
        return [], str(error).removeprefix(f"{video.path}: ") or type(error).__name__


def _is_complete(video: SourceVideo, rows_of: Mapping[str, Sequence[Row]], clips: Folder) -> bool:
    """Returns whether all clips of a video are recorded and exist."""
    # A record of other copies does not count.
    recorded = [row["id"] for row in rows_of.get(video.id, ())]
    if recorded != [clip.id for clip in video.clips]:
        return False
    return all(clips.find(clip.file) for clip in video.clips)


def _progress(
    videos: Sequence[SourceVideo],
    rows_of: Mapping[str, list[Row]],
    failed: Mapping[str, str],
    folder: Path,
) -> Progress:
    clips = Folder(folder)
    complete = [video for video in videos if _is_complete(video, rows_of, clips)]
    # The record may hold videos that are no longer in the list.
    failed_videos = {}
    for video in videos:
        if video.id in failed:
            failed_videos[video.id] = failed[video.id]

    unmade = len(videos) - len(complete) - len(failed_videos)
    return Progress(complete, rows_of, failed_videos, unmade)


def _write_set(progress: Progress, folder: Path, manifest: Path) -> ClipSet:
    """Writes the manifest and the table of failures if no video is unmade."""
    rows = list(_manifest_rows(progress, folder, manifest))
    clip_set = ClipSet(manifest, rows, progress.failed, progress.unmade)
    if clip_set.unmade:
        return clip_set

    if not rows:
        _remove_if_empty(folder)
        name, reason = next(iter(progress.failed.items()))
        raise UserError(
            f"none of the {len(progress.failed)} videos can be used, {name!r} first: {reason}"
        )

    # Killed processes leave temporary files.
    temporary.remove_leftovers(folder)
    _write_failures(progress.failed, _failures_file(manifest))
    # The manifest comes last: it marks a complete set.
    write_table(manifest, rows)
    return clip_set


def _remove_if_empty(folder: Path) -> None:
    """Removes a folder without clips, so that the command can be repeated with other settings."""
    temporary.remove_leftovers(folder)
    record = journal.folder_of(folder)
    for place, _, files in os.walk(folder):
        if files and Path(place) != record:
            return
    remove_folder(folder)


def _manifest_rows(progress: Progress, folder: Path, manifest: Path) -> Iterator[Row]:
    for video in progress.complete:
        for clip, recorded in zip(video.clips, progress.rows[video.id], strict=True):
            row = {
                "path": relative(str(folder / clip.file), manifest),
                "label": clip.label,
                "id": clip.id,
                "source": relative(clip.source, manifest),
            }
            for name, value in recorded.items():
                if name != "id":
                    row[name] = value
            yield row


def _failures_file(manifest: Path) -> Path:
    return manifest.with_suffix(".failed.tsv")


def _write_failures(failed: Mapping[str, str], path: Path) -> None:
    if not failed:
        # A table of an earlier run would be wrong now.
        path.unlink(missing_ok=True)
        return

    rows = [{"id": name, "reason": reason} for name, reason in failed.items()]
    write_table(path, rows, "\t")
