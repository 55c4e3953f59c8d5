"""Makes a test set from a folder of class folders."""

import os
from pathlib import Path

from albar_jax.data.manifest import CLASSES_FILE, write_manifest
from albar_jax.data.prepare.folder import list_videos
from albar_jax.errors import UserError
from albar_jax.storage.class_names import write_class_list
from albar_jax.storage.inside import inside, own_folder
from albar_jax.terminal.escapes import show

FOLDER = "videos"
MANIFEST = "manifest.csv"
SPLIT = "test"


def write(videos: Path, out: Path) -> Path:
    """Writes the manifest of a folder of videos and returns its path.

    Args:
      videos: folder of class folders, or folder with such folders `train` and `test`; then only
        `test` is used.
      out: folder for the results; the manifest is in its folder `videos`.

    Raises:
      UserError: the folder has no class folders with videos, or other mistakes.
    """
    items, notes = list_videos(videos)
    has_splits = any(item.split for item in items)
    if has_splits:
        items = [item for item in items if item.split == SPLIT]
        if not items:
            raise UserError(f"--videos {videos} has no folder test with videos; add one")
    show(*(f"note: {note}" for note in notes))

    own_folder(out, FOLDER)
    path = inside(out, FOLDER, MANIFEST)
    rows = []
    for item in items:
        place = os.path.abspath(item.path)
        rows.append({"path": place, "label": item.label, "split": SPLIT, "id": item.id})

    write_class_list(inside(out, FOLDER, CLASSES_FILE), sorted({item.label for item in items}))
    write_manifest(path, rows)
    return path
