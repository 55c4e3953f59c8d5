"""Writing a file so that a reader never meets half of it."""

import os
import pathlib


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text under a temporary name beside `path`, then renames; missing folders are made."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two writers apart; newline="" because CSV brings its own line ends.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
