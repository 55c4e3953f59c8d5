"""Makes the folder of an input by changing one file of a seed; detects changes of a folder."""

import os
import random
import shutil
from pathlib import Path

from fuzz import hostile
from fuzz.mutate import mutate

# Share of the inputs in which the name or the kind of a file is changed instead of its contents.
_SPECIAL_FILES = 0.08


def make(seed: Path, kin: list[Path], case: Path, rng: random.Random, targets: str) -> None:
    """Creates `case`, a copy of the folder `seed` with one changed file.

    Args:
      seed: folder of a valid input.
      kin: further seeds, to copy bytes from.
      case: folder to create.
      rng: source of all random numbers.
      targets: pattern of the files to change.
    """
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(seed, case)
    files = _files(case, targets)
    target = rng.choice(files)

    if rng.random() < _SPECIAL_FILES:
        _make_special(target, case, rng)
        return

    others = []
    for folder in rng.sample(kin, min(3, len(kin))):
        others += _files(folder, targets)
    # Pieces of files of the same kind pass more of the first checks.
    same_kind = []
    for path in (*others, *files):
        if path.suffix == target.suffix and path != target:
            same_kind.append(path)
    pieces = [path.read_bytes() for path in rng.sample(same_kind, min(2, len(same_kind)))]
    target.write_bytes(mutate(target.read_bytes(), rng, pieces))


def _files(folder: Path, targets: str) -> list[Path]:
    return sorted(path for path in folder.glob(targets) if path.is_file() and not path.is_symlink())


def _make_special(target: Path, case: Path, rng: random.Random) -> None:
    """Replaces a file by something else than a regular file, or gives it a special name."""
    match rng.choice(
        ("name", "name", "gone", "empty", "folder", "pipe", "endless", "loop", "outside")
    ):
        case "name":
            # Keeps bytes that are not UTF-8.
            os.rename(target, os.path.join(target.parent, rng.choice(hostile.NAMES)))
            return
        case "empty":
            target.write_bytes(b"")
            return
        case kind:
            target.unlink()

    if kind == "folder":
        target.mkdir()
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind != "gone":
        target.symlink_to(
            {"endless": "/dev/zero", "loop": target, "outside": case.parent / "canary.txt"}[kind]
        )


def snapshot(folder: Path) -> dict[str, tuple[int, ...]]:
    """Returns path -> kind, size, times and inode of everything below a folder."""
    states = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            states[path] = (
                status.st_mode,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
            )

    return states


def difference(before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]]) -> str:
    """Describes which files were created, changed or deleted; "" if none."""
    lines = [f"made {path}" for path in after.keys() - before.keys()]
    lines += [f"deleted {path}" for path in before.keys() - after.keys()]
    lines += [
        f"changed {path}" for path in before.keys() & after.keys() if before[path] != after[path]
    ]

    return "; ".join(sorted(lines)[:5])
