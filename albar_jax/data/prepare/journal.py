"""Checks of videos that can be interrupted at any moment: what was found so far is not found out again."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from albar_jax.data.check import Verdict, check
from albar_jax.data.lookahead import map_ahead
from albar_jax.files import read_lines
from albar_jax.storage import json_files
from albar_jax.storage.inside import open_own
from albar_jax.storage.journal_lines import seal, unseal

_Stamp = tuple[int, int] | None


def check_again(
    paths: Sequence[str], journal: Path, *, jobs: int, deadline: float
) -> dict[str, Verdict]:
    """Returns a verdict on each video; see `check`, which is asked only about those that the journal does not know.

    The journal, a line of JSON each, knows a file by its absolute path as long as its size and time of change stay, and
    believes a bad verdict only if the file had no less time then. It does not keep videos whose processes were killed
    from outside, so the next command reads these again. Delete it to check everything anew.
    """
    known = dict(_known(journal, deadline))
    stamps: dict[str, _Stamp] = {}
    found: dict[str, Verdict] = {}
    paths = list(dict.fromkeys(paths))

    def unknown() -> Iterator[str]:
        # Looked at while others are decoded: on a mounted bucket even this takes long.
        for path, stamp in zip(paths, map_ahead(_stamp, paths), strict=True):
            stamps[path] = stamp
            then, frames, reason = known.get(os.path.abspath(path), (None, 0, ""))
            if stamp and stamp == then:
                found[path] = Verdict(path, frames, reason)
                bar.update()
            else:
                yield path

    journal.parent.mkdir(parents=True, exist_ok=True)
    with (
        open_own(journal) as file,
        tqdm(total=len(paths), desc="checking", unit="video") as bar,
        contextlib.closing(check(unknown(), jobs=jobs, deadline=deadline)) as verdicts,
    ):
        _end_torn_line(file)
        for verdict in verdicts:
            found[verdict.path] = verdict
            if not verdict.killed:
                entry = [
                    os.path.abspath(verdict.path),
                    stamps[verdict.path],
                    verdict.frames,
                    verdict.reason,
                    deadline,
                ]
                file.write(seal(entry))
            if verdict.reason:
                bar.set_postfix(
                    bad=sum(bool(other.reason) for other in found.values()), refresh=False
                )
            bar.update()
        os.fsync(file.fileno())
    return found


def _stamp(path: str) -> _Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _known(journal: Path, deadline: float) -> Iterator[tuple[str, tuple[_Stamp, int, str]]]:
    try:
        lines = list(unseal(read_lines(journal)))
    except FileNotFoundError:
        return
    for line in lines:
        try:
            path, stamp, frames, reason, then = _entry(json_files.parse(line, journal))
        # The process may have been killed while it was writing this line.
        except ValueError:
            continue
        if not reason or then >= deadline:
            yield path, (stamp, frames, reason)


def _entry(content: Any) -> tuple[str, _Stamp, int, str, float]:
    """Returns the fields of a line; raises ValueError if they are wrong."""
    path, stamp, frames, reason, then = content if isinstance(content, list) else ()
    numbers = [*(stamp or (0, 0)), frames, then] if isinstance(stamp, list | None) else []
    are_numbers = all(
        isinstance(number, (int, float)) and not isinstance(number, bool) for number in numbers
    )
    if not (
        len(numbers) == 4 and are_numbers and isinstance(path, str) and isinstance(reason, str)
    ):
        raise ValueError("it is not a line of this journal")
    return path, stamp and tuple(stamp), frames, reason, then


def _end_torn_line(file) -> None:
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")
