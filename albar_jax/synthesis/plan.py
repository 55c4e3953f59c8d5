"""What is to be made: the clips of each video, and what they are called."""

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
    """A clip to be made.

    Attributes:
      id: in the manifest to be; SCUBA's is `<video id>__<copy>`, and what is made from it keeps that.
      file: its name in the folder of clips.
      label: the class it belongs to.
      source: the path of what it is made from: a video, or a SCUBA clip.
    """

    id: str
    file: str
    label: str
    source: str


@dataclasses.dataclass(frozen=True)
class Unit:
    """The clips that are made together from one video: `id` is its own, by which its masks are asked for."""

    id: str
    video: str
    clips: tuple[Clip, ...]


@dataclasses.dataclass(frozen=True)
class ScubaSet:
    """A set of SCUBA clips as described by its manifest.

    `masks` holds the pairs of masks and rules that made the set: one pair, unless sets were merged.
    """

    units: tuple[Unit, ...]
    classes: tuple[str, ...]
    masks: tuple[tuple[str, str], ...]


def of_videos(manifest: Manifest, copies: int, suffix: str) -> list[Unit]:
    """Plans `copies` clips of each video of a manifest, as `<video>__<copy><suffix>`."""
    if copies < 1:
        raise UserError(f"--copies is {copies}; give 1 or more")
    units = []
    for name, video, path, label in zip(
        manifest.ids, file_names(manifest.ids), manifest.paths, manifest.labels, strict=True
    ):
        clips = (
            Clip(f"{name}__{copy}", f"{video}__{copy}{suffix}", manifest.classes[label], path)
            for copy in range(copies)
        )
        units.append(Unit(name, path, tuple(clips)))
    return units


def read_scuba(path: Path, suffix: str) -> ScubaSet:
    """Plans one clip for each of a SCUBA set, from its manifest: ours, or that of a released set.

    The video of a unit is "" where the manifest does not name it.
    """
    manifest = read_manifest(path)
    rows = read_table(path, strip=False).rows
    clips: dict[str, list[Clip]] = {}
    videos: dict[str, str] = {}
    for name, file, clip, label, row in zip(
        manifest.ids, file_names(manifest.ids), manifest.paths, manifest.labels, rows, strict=True
    ):
        video = name.rpartition("__")[0] or name
        clips.setdefault(video, []).append(
            Clip(name, f"{file}{suffix}", manifest.classes[label], clip)
        )
        if row.get("source"):
            videos[video] = os.path.join(path.parent, row["source"])
    units = tuple(Unit(name, videos.get(name, ""), tuple(made)) for name, made in clips.items())
    # A dict keeps the order.
    masks = {(row["masks"], row.get("rules", "")): None for row in rows if row.get("masks")}
    return ScubaSet(units, manifest.classes, tuple(masks))


def file_names(ids: Sequence[str]) -> list[str]:
    """Returns what the videos are called on disk: the last part of the id, and all of it where two share that."""
    parts = [
        [part for part in PurePosixPath(name).parts if part not in ("/", "..")] or ["_"]
        for name in ids
    ]
    count = Counter(last for *_, last in parts)
    names = [last if count[last] == 1 else "/".join([*folders, last]) for *folders, last in parts]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(
            f"two videos would both be called {twice!r}; give them ids that differ in more than '..'"
        )
    return names


def relative(path: str, manifest: Path) -> str:
    """Returns a path as a manifest writes it: relative to its own folder."""
    return Path(os.path.relpath(path, manifest.parent)).as_posix()
