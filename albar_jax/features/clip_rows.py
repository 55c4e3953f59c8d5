"""Reads the rows of a manifest whose videos need not be on this machine."""

import dataclasses
import os
import pathlib

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import read_table

MANIFEST = "manifest.csv"


@dataclasses.dataclass(frozen=True)
class ClipRow:
    """A row of a manifest.

    Attributes:
      id: id of the video.
      label: its class, as written.
      split: its split, "" if the manifest has no such column.
      where: name of the row for messages.
    """

    id: str
    label: str
    split: str
    where: str


def manifest_of(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the path of a manifest, given itself or its folder."""
    path = pathlib.Path(path)
    return path / MANIFEST if path.is_dir() else path


def read_rows(path: str | os.PathLike[str]) -> list[ClipRow]:
    """Reads a manifest. Its videos are not looked for: training on features does not need them.

    Args:
      path: the manifest, or its folder.

    Raises:
      UserError: the manifest is malformed, is empty, or lists an id twice.
    """
    manifest = manifest_of(path)
    table = read_table(manifest, ("path", "label"), expects="path,label[,split,id,group]")
    rows: dict[str, ClipRow] = {}
    for number, row in enumerate(table.rows):
        name = composed(row.get("id", "") or os.path.splitext(row["path"])[0])
        clip = ClipRow(name, row["label"], row.get("split", ""), table.where(number))
        if rows.setdefault(name, clip) is not clip:
            raise UserError(f"{clip.where} lists the id {name!r} a second time; give it its own id")

    if not rows:
        raise UserError(f"the manifest {manifest} lists no videos")
    return list(rows.values())
