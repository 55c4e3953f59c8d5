"""Lists the videos that the arguments of a command name: files, folders and patterns.

No manifest and no labels are needed. A folder of images is one video; any other folder stands for
all videos below it.
"""

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence

from albar_jax.data.readers.frames import is_frame
from albar_jax.data.records import is_record
from albar_jax.data.suffixes import ARCHIVE_SUFFIX, VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError

_FILMS = VIDEO_SUFFIXES | {ARCHIVE_SUFFIX}


def list_videos(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the paths of all named videos, each once, in the order of the names.

    A named file is a video whatever its suffix. In a folder, films and archives are found by their
    suffixes, and a sub-folder with images is one video. Broken links count as films. Hidden files
    and folders are skipped.

    Args:
      names: paths of files and folders, records, and patterns such as `clips/*.mp4` or
        `clips/**/*.mp4`. A path that exists is never a pattern.

    Raises:
      UserError: a path does not exist, a pattern matches nothing, or a folder has no videos.
      OSError: a path or a folder cannot be read.
    """
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(_named(name))

    return tuple(found)


def _named(name: str) -> list[str]:
    if os.path.isdir(name):
        return _in_folder(name)
    if os.path.lexists(name) or is_record(name):
        return [name]

    if not glob.has_magic(name):
        # A path may be unreadable instead of absent; then this error says why. ValueError: the
        # path has a null byte.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValueError):
            os.lstat(name)
        raise UserError(
            f"{name} does not exist; name a video, a folder of videos or of frames, or a pattern "
            "in quotes"
        )

    videos: list[str] = []
    for path in sorted(glob.glob(name, recursive=True)):
        # A pattern may also match folders without a video.
        videos += _walk(path) if os.path.isdir(path) else [path]
    if not videos:
        raise UserError(f"no video matches {name}; correct the pattern")

    return videos


def _in_folder(folder: str) -> list[str]:
    videos = list(_walk(folder))
    if not videos:
        raise UserError(
            f"{folder} has no videos; files are found by their suffix, such as .mp4 or .jpg, so "
            "name others one by one"
        )
    return videos


def _walk(folder: str) -> Iterator[str]:
    """Yields the folder itself if it has images, and the videos below it in alphabetical order."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    if any(is_frame(name) for name in names):
        yield folder

    for name in names:
        path = os.path.join(folder, name)
        # Links to folders may lead in a circle.
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _walk(path)
        # A broken link is listed, so that the user learns of a video that cannot be read.
        elif suffix(name) in _FILMS and (os.path.isfile(path) or not os.path.exists(path)):
            yield path
