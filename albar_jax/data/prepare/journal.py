"""Checks videos and records the verdicts, so that an interrupted check can be resumed."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from albar_jax.data.check import Verdict, check
from albar_jax.data.lookahead import map_ahead
from albar_jax.files import read_lines
from albar_jax.storage import json_files
from albar_jax.storage.inside import open_own
from albar_jax.storage.journal_lines import end_torn_line, seal, unseal

# Size in bytes and time of change in nanoseconds of a file; None if it cannot be read.
_Stamp = tuple[int, int] | None


def check_again(
    paths: Sequence[str], journal: Path, *, jobs: int, deadline: float
) -> dict[str, Verdict]:
    """Checks the videos whose verdict is not in the journal yet; see `check`.

    The journal has a line of JSON for each video. It identifies a file by its absolute path, size
    and time of change. A bad verdict counts only if the file had at least as much time. Videos
    whose process was killed from outside are not recorded, so the next command checks them again.
    Delete the journal to check everything again.

    Args:
      paths: paths of the videos; repeats are ignored.
      journal: path of the journal.
      jobs: number of processes.
      deadline: limit for the check of one video, in seconds.

    Returns:
      The verdict on each video, by path.
    """
    # Repeated paths, as in ARAS, are checked once.
    pending = _Pending(list(dict.fromkeys(paths)), dict(_known(journal, deadline)))
    journal.parent.mkdir(parents=True, exist_ok=True)

    with (
        open_own(journal) as file,
        tqdm(total=len(pending.paths), desc="checking", unit="video") as bar,
        contextlib.closing(
            check(pending.unchecked(bar), jobs=jobs, deadline=deadline)
        ) as new_verdicts,
    ):
        end_torn_line(file)
        for verdict in new_verdicts:
            pending.verdicts[verdict.path] = verdict
            # A killed process says nothing about its video.
            if not verdict.killed:
                file.write(seal(pending.entry(verdict, deadline)))
            if verdict.reason:
                bar.set_postfix(bad=pending.count_bad(), refresh=False)
            bar.update()
        os.fsync(file.fileno())

    return pending.verdicts


class _Pending:
    """The videos of a check, with the verdicts so far.

    Attributes:
      paths: paths of all videos.
      verdicts: the verdicts so far, by path.
    """

    def __init__(self, paths: Sequence[str], recorded: dict[str, tuple[_Stamp, int, str]]):
        """Creates the state.

        Args:
          paths: paths of all videos.
          recorded: stamp, frames and reason of earlier verdicts, by absolute path.
        """
        self.paths = paths
        self.verdicts: dict[str, Verdict] = {}
        self._recorded = recorded
        self._stamps: dict[str, _Stamp] = {}

    def unchecked(self, bar: tqdm) -> Iterator[str]:
        """Yields the paths to check, and adds the recorded verdicts of all others."""
        # Stamps are read while other videos are decoded: on a mounted bucket even this is slow.
        for path, stamp in zip(self.paths, map_ahead(_stamp, self.paths), strict=True):
            self._stamps[path] = stamp
            recorded, frames, reason = self._recorded.get(os.path.abspath(path), (None, 0, ""))
            # A file that changed is checked again.
            if stamp and stamp == recorded:
                self.verdicts[path] = Verdict(path, frames, reason)
                bar.update()
            else:
                yield path

    def entry(self, verdict: Verdict, deadline: float) -> list[Any]:
        """Returns the journal's entry of a verdict."""
        path = verdict.path
        stamp = self._stamps[path]
        return [os.path.abspath(path), stamp, verdict.frames, verdict.reason, deadline]

    def count_bad(self) -> int:
        """Returns the number of videos that cannot be read."""
        return sum(bool(verdict.reason) for verdict in self.verdicts.values())


def _stamp(path: str) -> _Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _known(journal: Path, deadline: float) -> Iterator[tuple[str, tuple[_Stamp, int, str]]]:
    """Yields absolute path and (stamp, frames, reason) of recorded verdicts that still count."""
    try:
        lines = list(unseal(read_lines(journal)))
    except FileNotFoundError:
        return

    for line in lines:
        try:
            path, stamp, frames, reason, recorded_deadline = _entry(json_files.parse(line, journal))
        # The process may have been killed while it wrote this line.
        except ValueError:
            continue
        if not reason or recorded_deadline >= deadline:
            yield path, (stamp, frames, reason)


def _entry(content: Any) -> tuple[str, _Stamp, int, str, float]:
    """Returns path, stamp, frames, reason and deadline of a parsed line.

    Raises:
      ValueError: they are malformed.
    """
    fields: list[Any] = content if isinstance(content, list) else []
    path, stamp, frames, reason, deadline = fields
    numbers = []
    if isinstance(stamp, list | None):
        numbers = [*(stamp or (0, 0)), frames, deadline]

    are_numbers = len(numbers) == 4 and all(map(json_files.is_number, numbers))
    if not (are_numbers and isinstance(path, str) and isinstance(reason, str)):
        raise ValueError("it is not a line of this journal")
    # `numbers` has four entries, so a stamp has two.
    return path, cast(_Stamp, stamp and tuple(stamp)), frames, reason, deadline
