"""Reads a table of swaps that are given, not drawn: `set,id,copy,scene`."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import Table, read_table, whole
from albar_jax.synthesis.clip_list import Clip, SourceVideo, file_names
from albar_jax.synthesis.hat.pairing import CHOICES

COLUMNS = ("set", "id", "copy", "scene")


@dataclasses.dataclass(frozen=True)
class Pairs:
    """The swaps of one set.

    Attributes:
      scenes: id of the scene's video of each copy, by id of the person's video and number of the
        copy.
      digest: identifies the swaps.
    """

    scenes: Mapping[str, Mapping[int, str]]
    digest: str

    @property
    def has_copies(self) -> bool:
        """True if the ids of clips have the numbers of copies."""
        return any(set(copies) != {0} for copies in self.scenes.values())

    def scene_of(self, clip: str) -> str:
        """Returns the id of the scene's video, given the id of a clip of `list_clips`."""
        if not self.has_copies:
            return self.scenes[clip][0]
        video, _, copy = clip.rpartition("__")
        return self.scenes[video][int(copy)]


def read_pairs(path: Path) -> dict[str, Pairs]:
    """Reads the swaps of all sets.

    Args:
      path: a CSV file with the columns set (of `pairing.CHOICES`), id (video of the person), copy
        (from 0) and scene (id of the video of the scene).

    Returns:
      The swaps, by set; only sets in the file.

    Raises:
      UserError: the file is malformed.
    """
    table = read_table(path, COLUMNS)
    scenes: dict[str, dict[str, dict[int, str]]] = {}
    for number, row in enumerate(table.rows):
        name, copy = row["set"], whole(row["copy"])
        _check(table, number, name, copy)
        copies = scenes.setdefault(name, {}).setdefault(row["id"], {})
        if copy in copies:
            raise UserError(f"{table.where(number)} repeats copy {copy} of {row['id']!r} in {name}")
        copies[int(copy or 0)] = row["scene"]
    if not scenes:
        raise UserError(f"{path} lists no swaps")

    return {name: Pairs(of_set, _digest(of_set)) for name, of_set in scenes.items()}


def list_clips(manifest: Manifest, pairs: Pairs, suffix: str) -> list[SourceVideo]:
    """Lists the clips to make of the videos of a manifest that have swaps.

    Args:
      manifest: the videos.
      pairs: the swaps of a set.
      suffix: suffix of the clips' files, with the dot.

    Returns:
      The videos in the order of the manifest. The ids of clips are the ids of the videos, or with
      several copies `<video>__<copy>`.

    Raises:
      UserError: two videos would have the same file name, or no video has a swap.
    """
    videos = []
    names = file_names(manifest.ids)
    for video, name, path, label in zip(
        manifest.ids, names, manifest.paths, manifest.labels, strict=True
    ):
        clips = []
        for copy in sorted(pairs.scenes.get(video, ())):
            end = f"__{copy}" if pairs.has_copies else ""
            file = f"{name}{end}{suffix}"
            clips.append(Clip(f"{video}{end}", file, manifest.classes[label], path))
        if clips:
            videos.append(SourceVideo(video, path, tuple(clips)))

    if not videos:
        raise UserError(
            f"no video of the manifest, {manifest.ids[0]!r} first, is in --pairs, "
            f"{next(iter(pairs.scenes))!r} first; give the swaps of this data set"
        )
    return videos


def _check(table: Table, number: int, name: str, copy: int | None) -> None:
    """Raises UserError if a row names no set or no copy."""
    where = table.where(number)
    if name not in CHOICES:
        raise UserError(f"{where} has the set {name!r}; give {', '.join(CHOICES)}")
    if copy is None or copy < 0:
        raise UserError(f"{where} has a copy that is not a number; number the copies from 0")


def _digest(scenes: Mapping[str, Mapping[int, str]]) -> str:
    content = repr(sorted((video, sorted(copies.items())) for video, copies in scenes.items()))
    return hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest()[:16]
