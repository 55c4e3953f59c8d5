"""The list of the videos that a command could not read, and left out."""

from collections.abc import Mapping
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.files import read_text, write_text
from albar_jax.storage.csv_files import read_records, to_text
from albar_jax.terminal.escapes import show

FILE = "unreadable.tsv"


def report(unreadable: Mapping[str, str], folder: Path) -> None:
    """Adds `path<TAB>reason` of each video to `<folder>/unreadable.tsv` and says how many that file lists."""
    # What the processes before this one met stays listed.
    listing = folder / FILE
    rows = sorted(
        {
            *_rows(listing),
            *((video, _one_line(video, reason)) for video, reason in unreadable.items()),
        }
    )
    if not rows:
        return
    write_text(listing, to_text(rows, delimiter="\t"))
    show(
        f"unreadable videos that were left out: {len(rows)}, listed in {listing}; the first:",
        f"  {': '.join(rows[0])}",
    )


def listed(folder: Path) -> set[str]:
    """The paths of the videos that are listed there already."""
    return {video for video, _ in _rows(folder / FILE)}


def _rows(listing: Path) -> list[tuple[str, str]]:
    if not listing.exists():
        return []
    try:
        return [
            (fields[0], "\t".join(fields[1:]))
            for _, fields in read_records(listing, delimiter="\t")
        ]
    # Older versions did not quote fields.
    except UserError:
        lines = (
            line.partition("\t")
            for line in read_text(listing, remedy="; move it away").split("\n")
            if line
        )
        return [(video, reason) for video, _, reason in lines]


def _one_line(video: str, reason: str) -> str:
    # A reason begins with the path, for those who read it alone.
    return " ".join(reason.removeprefix(f"{video}: ").split())
