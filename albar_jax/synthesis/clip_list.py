"""Lists the clips to make from each video, with their ids and file names."""

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from albar_jax.data.manifest import Manifest, read_manifest
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import read_table


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip to make.

    Attributes:
      id: id in the manifest of the clips. SCUBA's ids are `<video id>__<copy>`; SCUFO and Confl-FG
        clips keep the id of their SCUBA clip. Clips of other sets keep the id of their video.
      file: path in the folder of clips.
      label: name of the class.
      source: path of the file from which it is made, a video or a SCUBA clip.
    """

    id: str
    file: str
    label: str
    source: str


@dataclasses.dataclass(frozen=True)
class SourceVideo:
    """A video and the clips that are made from it together.

    Attributes:
      id: id of the video, which also finds its masks.
      path: path of the video; "" if unknown.
      clips: the clips to make.
    """

    id: str
    path: str
    clips: tuple[Clip, ...]


@dataclasses.dataclass(frozen=True)
class ScubaSet:
    """A set of SCUBA clips as its manifest describes it.

    Attributes:
      videos: the source videos, each with one clip to make for each of its SCUBA clips.
      classes: class names in the order of their numbers.
      masks: pairs (masks, rules) with which the set was made: one pair, unless sets were merged;
        none if unknown.
    """

    videos: tuple[SourceVideo, ...]
    classes: tuple[str, ...]
    masks: tuple[tuple[str, str], ...]


def list_copies(manifest: Manifest, copies: int, suffix: str) -> list[SourceVideo]:
    """Lists the SCUBA clips to make of the videos of a manifest.

    Args:
      manifest: the videos.
      copies: number of clips of each video, at least 1.
      suffix: suffix of the clips' files, with the dot.

    Returns:
      The videos in the order of the manifest, each with clips `<video>__<copy><suffix>`.

    Raises:
      UserError: `copies` is less than 1, or two videos would have the same file name.
    """
    if copies < 1:
        raise UserError(f"--copies is {copies}; give 1 or more")

    videos = []
    names = file_names(manifest.ids)
    for video, name, path, label in zip(
        manifest.ids, names, manifest.paths, manifest.labels, strict=True
    ):
        clips = []
        # The copy number in the id selects the background.
        for copy in range(copies):
            file = f"{name}__{copy}{suffix}"
            clips.append(Clip(f"{video}__{copy}", file, manifest.classes[label], path))
        videos.append(SourceVideo(video, path, tuple(clips)))

    return videos


def list_videos(manifest: Manifest, suffix: str) -> list[SourceVideo]:
    """Lists one clip to make of each video of a manifest, with the id of the video.

    Args:
      manifest: the videos.
      suffix: suffix of the clips' files, with the dot.

    Returns:
      The videos in the order of the manifest, each with one clip `<video><suffix>`.

    Raises:
      UserError: two videos would have the same file name.
    """
    videos = []
    names = file_names(manifest.ids)
    for video, name, path, label in zip(
        manifest.ids, names, manifest.paths, manifest.labels, strict=True
    ):
        clip = Clip(video, f"{name}{suffix}", manifest.classes[label], path)
        videos.append(SourceVideo(video, path, (clip,)))

    return videos


def read_scuba(path: Path, suffix: str) -> ScubaSet:
    """Reads the manifest of a SCUBA set, and lists one clip to make from each SCUBA clip.

    Args:
      path: the manifest, made by this program or of a released set. Released manifests do not name
        the source videos.
      suffix: suffix of the new clips' files, with the dot.
    """
    manifest = read_manifest(path)
    rows = read_table(path, strip=False).rows
    names = file_names(manifest.ids)

    clips: dict[str, list[Clip]] = {}
    path_of: dict[str, str] = {}
    for name, file, source, label, row in zip(
        manifest.ids, names, manifest.paths, manifest.labels, rows, strict=True
    ):
        # The id of a SCUBA clip is its video's id with a copy number.
        video = name.rpartition("__")[0] or name
        clip = Clip(name, f"{file}{suffix}", manifest.classes[label], source)
        clips.setdefault(video, []).append(clip)
        if row.get("source"):
            path_of[video] = os.path.join(path.parent, row["source"])

    videos = []
    for video, clips_of_video in clips.items():
        videos.append(SourceVideo(video, path_of.get(video, ""), tuple(clips_of_video)))

    # A dict removes repeats and keeps the order.
    masks = {(row["masks"], row.get("rules", "")): None for row in rows if row.get("masks")}
    return ScubaSet(tuple(videos), manifest.classes, tuple(masks))


def file_names(ids: Sequence[str]) -> list[str]:
    """Returns the file names of videos, without suffix.

    Args:
      ids: ids of the videos.

    Returns:
      The last part of each id, or the whole id where videos share their last part.

    Raises:
      UserError: two videos would have the same name.
    """
    paths = [_path_parts(name) for name in ids]
    count = Counter(parts[-1] for parts in paths)

    names = []
    for parts in paths:
        # Published file names have no class folder.
        is_unique = count[parts[-1]] == 1
        names.append(parts[-1] if is_unique else "/".join(parts))

    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise UserError(
            f"two videos would both be called {repeated!r}; "
            "give them ids that differ in more than '..'"
        )
    return names


def _path_parts(name: str) -> list[str]:
    """Splits an id at its slashes, without a root and without ".." parts."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
    return parts or ["_"]


def relative(path: str, manifest: Path) -> str:
    """Returns a path relative to the folder of a manifest, with slashes."""
    return Path(os.path.relpath(path, manifest.parent)).as_posix()
