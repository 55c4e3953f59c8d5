"""What was made so far, so that work that was interrupted, or done in shards, is put together.

FOLDER/.made/settings.json   with which settings
FOLDER/.made/1-of-4.jsonl    what shard 1 of 4 made of each video, a line each, or why it could not
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError, naming
from albar_jax.files import read_lines, write_text
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside, open_own, own_folder, remove_folder
from albar_jax.storage.journal_lines import seal, unseal
from albar_jax.storage.lock import locked

Row = dict[str, Any]
_DIRECTORY = ".made"


class Journal:
    """The record of a folder of clips."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        """Makes the folder; raises UserError where it holds what was made with other settings, or by others."""
        self._directory = inside(folder, _DIRECTORY)
        file = self._directory / "settings.json"
        text = json.dumps(settings, indent=2) + "\n"
        try:
            file.stat()
        except FileNotFoundError:
            if folder.exists() and any(folder.iterdir()):
                raise UserError(
                    f"{folder} holds files that were not made here; give another --out"
                ) from None
            own_folder(folder, _DIRECTORY)
            write_text(file, text)
            return
        # A loop of links.
        except OSError as error:
            raise UserError(
                f"cannot read {file}: {error.strerror}; remove {folder} or give another --out"
            ) from error
        found = json_files.read_object(
            file, remedy=f"; remove {folder} or give another --out", finite=False
        )
        differing = [
            name for name in {**settings, **found} if found.get(name) != json.loads(text).get(name)
        ]
        if differing:
            raise UserError(
                f"{folder} {_difference(differing[0], found, settings)}; remove it or give another --out"
            )

    def read(self) -> tuple[dict[str, list[Row]], dict[str, str]]:
        """Returns, by video, what was found out about each of its clips, and why the others failed."""
        made: dict[str, list[Row]] = {}
        failed: dict[str, str] = {}
        for file in sorted(self._directory.glob("*.jsonl")):
            for line in unseal(read_lines(file)):
                # The process may have been killed while it was writing this line.
                with contextlib.suppress(ValueError):
                    video, rows, reason = _entry(json_files.parse(line, file, finite=False))
                    if reason:
                        failed[video] = reason
                    else:
                        made[video] = rows
        return made, {video: reason for video, reason in failed.items() if video not in made}

    @contextlib.contextmanager
    def writing(self, shard: tuple[int, int]) -> Iterator[Callable[[str, list[Row], str], None]]:
        """Yields a function that notes a video: what is known of its clips, or why there are none."""
        name = self._directory / f"{shard[0]}-of-{shard[1]}"
        path = name.with_suffix(".jsonl")
        # Other processes may write other shards at the same time.
        with locked(name.with_suffix(".lock")), naming(path), open_own(path) as file:
            if file.seek(0, os.SEEK_END):
                file.write(b"\n")  # ends a line that may have been torn; blank ones are passed over
            yield lambda video, rows, reason: file.write(seal([video, rows, reason])) and None
            # A line lost in a power cut costs only repeated work, so a single sync at the end is enough.
            os.fsync(file.fileno())


def _entry(content: Any) -> tuple[str, list[Row], str]:
    """Returns the fields of a line; raises ValueError if they are wrong."""
    video, rows, reason = content if isinstance(content, list) else ()
    is_entry = isinstance(video, str) and isinstance(rows, list) and isinstance(reason, str)
    if not is_entry or not all(
        isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows
    ):
        raise ValueError("it is not a line of this journal")
    return video, rows, reason


def _difference(name: str, found: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Describes the setting in which a folder differs, also for folders of older versions."""
    if name not in found:
        return f"was begun by an older version without the setting {name}, now {settings[name]!r}"
    if name not in settings:
        return f"was begun by another version, with {name} {found[name]!r}"
    return f"was made with {name} {found[name]!r}, not {settings[name]!r}"


def forget(folder: Path) -> None:
    """Removes the record of a folder that is whole. Its lines are in the order in which clips were done, by chance."""
    remove_folder(folder / _DIRECTORY)
