"""Writes the list of videos that a command could not read and left out."""

from collections.abc import Mapping
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.files import read_text, write_text
from albar_jax.storage.csv_files import read_records, to_text
from albar_jax.terminal.escapes import show

FILE = "unreadable.tsv"


def report(unreadable: Mapping[str, str], folder: Path) -> None:
    """Adds videos to `<folder>/unreadable.tsv` and prints how many videos it lists.

    The file has one line `path<TAB>reason` per video, sorted.

    Args:
      unreadable: path -> reason; the reason may begin with the path.
      folder: folder of the command's results.
    """
    # Videos that earlier processes could not read stay in the list.
    listing = folder / FILE
    rows = set(_rows(listing))
    for video, reason in unreadable.items():
        rows.add((video, _one_line(video, reason)))
    if not rows:
        return

    ordered = sorted(rows)
    write_text(listing, to_text(ordered, delimiter="\t"))
    show(
        f"unreadable videos that were left out: {len(ordered)}, listed in {listing}; the first:",
        f"  {': '.join(ordered[0])}",
    )


def listed(folder: Path) -> set[str]:
    """Returns the paths of the videos that the folder's list names."""
    return {video for video, _ in _rows(folder / FILE)}


def _rows(listing: Path) -> list[tuple[str, str]]:
    """Returns (path, reason) of each line; nothing if there is no list."""
    if not listing.exists():
        return []

    rows = []
    try:
        for _, fields in read_records(listing, delimiter="\t"):
            rows.append((fields[0], "\t".join(fields[1:])))
        return rows
    # Older versions did not quote fields.
    except UserError:
        return _unquoted_rows(listing)


def _unquoted_rows(listing: Path) -> list[tuple[str, str]]:
    rows = []
    for line in read_text(listing, remedy="; move it away").split("\n"):
        if line:
            video, _, reason = line.partition("\t")
            rows.append((video, reason))
    return rows


def _one_line(video: str, reason: str) -> str:
    # A reason may begin with the path, which has its own column.
    return " ".join(reason.removeprefix(f"{video}: ").split())
