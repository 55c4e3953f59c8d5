"""Finds the frame rate of derived clips: the rate of the video that each was made from.

A derived clip has the frames of its source, but its file has another rate, or none. A model that
samples by rate would see another span of time in it.
"""

import functools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from albar_jax.data.film_stream import FilmStream
from albar_jax.data.readers.base import DecodeError
from albar_jax.storage import access, csv_files


def sources(manifests: Iterable[Path]) -> dict[str, str]:
    """Returns the first source of each clip with a column `source`, by the clip's path.

    A still may be made from a clip that was made from a video: the video is its first source.

    Args:
      manifests: the manifests of all test sets.

    Raises:
      UserError: a manifest cannot be read.
    """
    source_of: dict[str, str] = {}
    for manifest in manifests:
        table = csv_files.read_table(manifest, ("path",))
        columns = table.column("path"), table.column("source")
        for path, source in zip(*columns, strict=True):
            if source:
                source_of[_place(manifest, path)] = _place(manifest, source)

    return {path: _first(source_of, path) for path in source_of}


@functools.lru_cache(maxsize=1 << 16)
def rate_of(video: str) -> float | None:
    """Returns the frames per second of a video; None if it has none or cannot be read.

    Raises:
      StorageError: the system failed to read it.
    """
    if not access.exists(video):
        return None
    try:
        with FilmStream(video) as film:
            return film.fps
    except DecodeError:
        return None


def _place(manifest: Path, path: str) -> str:
    return os.path.normpath(os.path.join(manifest.parent, path))


def _first(source_of: Mapping[str, str], path: str) -> str:
    # A chain that returns to itself ends, too.
    seen = {path}
    while (source := source_of.get(path)) is not None and source not in seen:
        seen.add(source)
        path = source
    return path
