"""Reads the films of `benchmarks.films` with the loader of trainings, and profiles its stages."""

import cProfile
import dataclasses
import pstats
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from albar_jax.data.loader import Batches, ClipSpec, train_batches
from albar_jax.data.manifest import Manifest
from albar_jax.storage.budget import Budget
from benchmarks import films

# Each batch has one clip of each film.
BATCH = films.FILMS_PER_SET
SPEC = ClipSpec(time=0.5)
UNTIMED = dataclasses.replace(SPEC, budget=Budget(seconds=0))
ENDLESS = 10**6
# Stage -> (file, name) of its function.
STAGES = {
    "open, demux": ("pyav.py", "__init__"),
    "decode": ("film.py", "decode"),
    "cut, convert": ("picture.py", "rgb"),
    "resize, flip": ("transforms.py", "apply_crop"),
}


def read_batches(loader: Batches, count: int) -> None:
    """Reads a number of batches and drops them."""
    for _ in range(count):
        next(loader)


def open_loader(paths: Sequence[Path], spec: ClipSpec, *, workers: int, threads: int) -> Batches:
    """Opens an endless stream of training batches of the films."""
    names = tuple(map(str, paths))
    labels = np.arange(len(paths), dtype=np.int32)
    return train_batches(
        Manifest(names, labels, names, names),
        spec,
        seed=0,
        batch_size=BATCH,
        num_steps=ENDLESS,
        workers=workers,
        threads=threads,
    )


def stages(paths: Sequence[Path], clips: int) -> dict[str, float]:
    """Returns the share of each stage in the CPU time of reading in this thread, 0 to 1."""
    profile = cProfile.Profile(time.process_time)
    # Without a time limit, this thread decodes, so that the profile sees it.
    with open_loader(paths, UNTIMED, workers=0, threads=0) as batches:
        next(batches)
        profile.runcall(read_batches, batches, clips // BATCH)

    stats = pstats.Stats(profile)
    # Entry 3 is the cumulative time.
    seconds = {(Path(file).name, name): row[3] for (file, _, name), row in stats.stats.items()}
    # The stages do not overlap; the rest is batching.
    shares = {stage: seconds[function] / stats.total_tt for stage, function in STAGES.items()}
    return shares | {"batch, rest": 1 - sum(shares.values())}
