"""The list of the videos that a command could not read, and left out."""

from collections.abc import Mapping
from pathlib import Path

from albar_jax.errors import printable
from albar_jax.files import write_text

FILE = "unreadable.tsv"


def report(unreadable: Mapping[str, str], folder: Path) -> None:
    """Adds `path<TAB>reason` of each video to `<folder>/unreadable.tsv` and says how many that file lists."""
    # What the processes before this one met stays listed.
    lines = sorted(_lines(folder) | {_line(video, reason) for video, reason in unreadable.items()})
    if not lines:
        return
    path = folder / FILE
    write_text(path, "".join(lines))
    print(f"videos that could not be read and were left out: {len(lines)}, listed in {path}; the first:")
    print(f"  {lines[0].strip()}")


def listed(folder: Path) -> set[str]:
    """The paths of the videos that are listed there already."""
    return {line.split("\t")[0] for line in _lines(folder)}


def _lines(folder: Path) -> set[str]:
    path = folder / FILE
    return set(path.read_text(encoding="utf-8").splitlines(keepends=True)) if path.exists() else set()


def _line(video: str, reason: str) -> str:
    # A reason begins with the path, for those who read it alone.
    return printable(f"{video}\t{' '.join(reason.removeprefix(f'{video}: ').split())}\n")
