"""Lays out generated films like HMDB51's download and prepares them with `prepare`."""

import itertools
import shutil
import subprocess
import sys
import time
from pathlib import Path

from albar_jax.errors import UserError
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import NUM_CLASSES, ROOT, Settings


def run(settings: Settings, journal: Journal) -> None:
    """Lays out the films and prepares them."""
    sizes = settings.sizes
    root = Path(settings.scratch) / "hmdb51"
    count = lay_out(Path(settings.films), root, sizes.train_films, sizes.test_films)
    command = [sys.executable, "-m", "albar_jax", "prepare", "hmdb51", "--check"]
    command += ["--videos", root / "videos", "--splits", root / "splits"]
    command += ["--out", settings.manifest.parent]

    began = time.perf_counter()
    prepared = subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - began
    if prepared.returncode:
        raise UserError(f"prepare ended with {prepared.returncode}: {prepared.stderr.strip()}")
    journal.write("prepared", videos=count, seconds=seconds)


def lay_out(films: Path, root: Path, train: int, test: int) -> int:
    """Copies films into class folders and writes split 1. Returns the number of videos.

    Raises:
      UserError: if there are no films.
    """
    sources = sorted(films.glob("*.avi"))
    if not sources:
        raise UserError(
            f"{films} holds no films; make them with python -m benchmarks.gpu.films --out {films}"
        )
    endless = itertools.cycle(sources)
    (root / "splits").mkdir(parents=True)
    for number in range(NUM_CLASSES):
        label = f"class_{number:02d}"
        (root / "videos" / label).mkdir(parents=True)
        uses = ["1"] * train + ["2"] * test
        names = [f"{label}_{index:03d}.avi" for index in range(len(uses))]
        for name, source in zip(names, endless, strict=False):
            # A copy: `prepare` refuses one file, or links to it, with several labels.
            shutil.copyfile(source, root / "videos" / label / name)
        lines = [f"{name} {use} \n" for name, use in zip(names, uses, strict=True)]
        (root / "splits" / f"{label}_test_split1.txt").write_text("".join(lines))

    return NUM_CLASSES * (train + test)
