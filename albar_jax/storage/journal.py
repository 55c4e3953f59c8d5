"""Records which clips of a folder were made, so that interrupted or sharded work can be resumed.

FOLDER/.made/settings.json   the settings that determine the clips
FOLDER/.made/1-of-4.jsonl    one line for each video of shard 1 of 4: its clips, or why it failed
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
from albar_jax.storage.journal_lines import end_torn_line, seal, unseal
from albar_jax.storage.lock import locked

# A row of a manifest or of another table: values by column.
Row = dict[str, Any]
# Records a video: its id, the rows of its clips, and the reason if it has none.
AddEntry = Callable[[str, list[Row], str], None]

_DIRECTORY = ".made"


class Journal:
    """The record of a folder of clips.

    Attributes:
      folder: folder of the record, which is removed when the clips are complete.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, is_ours: bool = False):
        """Creates the record, or opens it if the folder has one.

        Args:
          folder: folder of the clips; created if it does not exist.
          settings: all settings that determine the clips.
          is_ours: whether the folder may hold files already, because they were made here.

        Raises:
          UserError: the folder holds other files, or clips of other settings.
        """
        self.folder = inside(folder, _DIRECTORY)
        file = self.folder / "settings.json"
        text = json.dumps(settings, indent=2) + "\n"

        try:
            file.stat()
        except FileNotFoundError:
            _create(folder, file, text, is_ours=is_ours)
            return
        # The path is a loop of links, for example.
        except OSError as error:
            raise UserError(
                f"cannot read {file}: {error.strerror}; remove {folder} or give another --out"
            ) from error

        _check_settings(folder, file, settings, json.loads(text))

    def read(self) -> tuple[dict[str, list[Row]], dict[str, str]]:
        """Reads the records of all shards.

        Returns:
          rows_of: rows of the clips of each video.
          failed: for each video without clips, the reason.
        """
        rows_of: dict[str, list[Row]] = {}
        failed: dict[str, str] = {}
        for file in sorted(self.folder.glob("*.jsonl")):
            for line in unseal(read_lines(file)):
                # The process may have been killed while it wrote this line.
                with contextlib.suppress(ValueError):
                    video, rows, reason = _entry(json_files.parse(line, file, finite=False))
                    if reason:
                        failed[video] = reason
                    else:
                        rows_of[video] = rows

        # Another shard, or a later run, may have made the clips of a video that failed once.
        return rows_of, {v: reason for v, reason in failed.items() if v not in rows_of}

    @contextlib.contextmanager
    def writing(self, shard: tuple[int, int]) -> Iterator[AddEntry]:
        """Opens the record of a shard for appending.

        Args:
          shard: (i, n) for the i-th of n shards, from 1.

        Yields:
          A function that records a video: its id, the rows of its clips, and the reason if it has
          none.
        """
        name = self.folder / f"{shard[0]}-of-{shard[1]}"
        path = name.with_suffix(".jsonl")

        # Other processes may write other shards at the same time.
        with locked(name.with_suffix(".lock")), naming(path), open_own(path) as file:
            end_torn_line(file)

            def add_entry(video: str, rows: list[Row], reason: str) -> None:
                file.write(seal([video, rows, reason]))

            yield add_entry

            # A line lost in a power cut costs only repeated work, so one sync at the end suffices.
            os.fsync(file.fileno())


def folder_of(folder: Path) -> Path:
    """Returns the folder of the record of a folder of clips."""
    return folder / _DIRECTORY


def forget(folder: Path) -> None:
    """Removes the record of a complete folder.

    Its lines are in the order in which clips were finished, which differs from run to run.
    """
    remove_folder(folder_of(folder))


def _create(folder: Path, file: Path, text: str, *, is_ours: bool) -> None:
    """Creates the record of a folder that is new or empty. Raises UserError otherwise."""
    if not is_ours and folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds files that were not made here; give another --out")

    own_folder(folder, _DIRECTORY)
    write_text(file, text)


def _check_settings(
    folder: Path, file: Path, settings: Mapping[str, Any], parsed: Mapping[str, Any]
) -> None:
    """Checks that a folder was made with these settings.

    Args:
      folder: folder of the clips.
      file: file with the settings of the clips.
      settings: settings of this run.
      parsed: the same settings, written to JSON and read again.

    Raises:
      UserError: a setting differs, or the file cannot be read.
    """
    recorded = json_files.read_object(
        file, remedy=f"; remove {folder} or give another --out", finite=False
    )
    for name in {**settings, **recorded}:
        if recorded.get(name) != parsed.get(name):
            difference = _difference(name, recorded, settings)
            raise UserError(f"{folder} {difference}; remove it or give another --out")


def _entry(content: Any) -> tuple[str, list[Row], str]:
    """Returns video, rows and reason of a parsed line. Raises ValueError if they are malformed."""
    if not isinstance(content, list) or len(content) != 3:
        raise ValueError("it is not a line of this journal")

    video, rows, reason = content
    is_entry = isinstance(video, str) and isinstance(rows, list) and isinstance(reason, str)
    if not is_entry or not all(_is_row(row) for row in rows):
        raise ValueError("it is not a line of this journal")

    return video, rows, reason


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str)


def _difference(name: str, recorded: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Describes a setting that differs, also for folders of older versions."""
    if name not in recorded:
        return f"was begun by an older version without the setting {name}, now {settings[name]!r}"
    if name not in settings:
        return f"was begun by another version, with {name} {recorded[name]!r}"
    return f"was made with {name} {recorded[name]!r}, not {settings[name]!r}"
