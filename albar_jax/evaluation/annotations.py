"""Reads the annotations of clips in manifests: groups, and classes of backgrounds.

A column `group:NAME` of a manifest divides its clips into groups, such as `group:camera`. Its
values are any text; an empty field belongs to no group. The column `scene_label` of an action swap
names the class of the video that the background comes from.
"""

import collections
import dataclasses
import os
from collections.abc import Mapping, Sequence

from albar_jax.files import composed
from albar_jax.storage.csv_files import Table, is_missing, read_table, whole
from albar_jax.terminal.escapes import notify

GROUP_PREFIX = "group:"
_SCENE_LABEL = "scene_label"
# Groups of a column. With thousands, the permutation test of one model would take hours.
_MOST_GROUPS = 200


@dataclasses.dataclass(frozen=True)
class Annotations:
    """The groups and backgrounds of the clips of one task.

    Attributes:
      scenes: class of the video that the background comes from, by clip id.
      groups: group of each clip by id, by name of the column without `group:`.
      training: number of training clips of each group, by name of the column; empty if unknown.
    """

    scenes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    training: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)


def read_annotations(
    manifest: str | os.PathLike[str],
    classes: Sequence[str],
    *,
    split: str | None = None,
    train_split: str | None = None,
) -> Annotations:
    """Reads the annotations of a manifest; the videos need not exist.

    Args:
      manifest: path of the manifest.
      classes: the K class names.
      split: the split to read; None reads all rows.
      train_split: the split whose groups are counted; None counts nothing.

    Raises:
      UserError: the file cannot be read.
    """
    table = read_table(manifest, ("path", "label"))
    splits = table.column("split")
    tested = table
    if split is not None:
        tested = table.take([row for row, name in enumerate(splits) if name == split])

    training = {}
    if train_split is not None:
        trained = table.take([row for row, name in enumerate(splits) if name == train_split])
        training = {name: _count(trained.column(column)) for name, column in _columns(trained)}

    ids = _ids(tested)
    groups = {}
    for name, column in _columns(tested):
        of_clips = _by_id(ids, tested.column(column))
        count = len(set(of_clips.values()))
        if count <= _MOST_GROUPS:
            groups[name] = of_clips
        else:
            notify(
                f"note: the column {column} of {os.fspath(manifest)} has {count:,} groups, so it "
                f"is left out; at most {_MOST_GROUPS} are measured"
            )
    return Annotations(_scenes(ids, tested, classes), groups, training)


def _columns(table: Table) -> list[tuple[str, str]]:
    """Returns (name, column) of each column of groups."""
    columns = []
    for column in table.columns:
        name = column.removeprefix(GROUP_PREFIX).strip()
        if column.startswith(GROUP_PREFIX) and name:
            columns.append((name, column))
    return columns


def _ids(table: Table) -> list[str]:
    # As in `data.manifest`: without an id, the path without its suffix.
    ids = []
    for given, path in zip(table.column("id"), table.column("path"), strict=True):
        ids.append(composed(given or os.path.splitext(path)[0]))
    return ids


def _by_id(ids: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    return {clip: value for clip, value in zip(ids, values, strict=True) if not is_missing(value)}


def _count(values: Sequence[str]) -> dict[str, int]:
    return dict(collections.Counter(value for value in values if not is_missing(value)))


def _scenes(ids: Sequence[str], table: Table, classes: Sequence[str]) -> dict[str, int]:
    """Returns the class of each clip's background; clips with an unknown class are missing."""
    number_of = {composed(name): number for number, name in enumerate(classes)}
    scenes = {}
    for clip, name in _by_id(ids, table.column(_SCENE_LABEL)).items():
        number = whole(name)
        if composed(name) in number_of:
            scenes[clip] = number_of[composed(name)]
        elif number is not None and 0 <= number < len(classes):
            scenes[clip] = number
    return scenes
