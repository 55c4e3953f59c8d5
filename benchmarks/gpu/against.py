"""Compares our steps with PyTorch's, eager and compiled, using `benchmarks.step`.

The programs run one after the other, because each uses all memory of the GPU.
"""

import dataclasses
import importlib.util
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, create
from albar_jax.weights.loading import save_torch
from benchmarks.figures import TOLERANCES, check_same, ratios
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import NUM_CLASSES, Settings
from benchmarks.step import PEERS, Worker
from benchmarks.task import Task

PROGRAMS = ("ce", "forward", "albar")
# No rematerialisation, as in PyTorch, if memory suffices.
REMATS = ("none", "dots", "full")


def run(settings: Settings, journal: Journal) -> None:
    """Measures our step and each peer, and writes the ratios.

    Raises:
      UserError: PyTorch or torchvision is not installed.
    """
    missing = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} not installed, so there is nothing to compare with"
        )
    weights = str(Path(settings.scratch) / "weights.safetensors")
    config = dataclasses.replace(PRESETS["tiny"], num_classes=NUM_CLASSES)
    save_torch(weights, config, create(config, jax.random.key(0))[1])
    if not settings.small:
        # Let the workers choose the platform.
        del os.environ["JAX_PLATFORMS"]

    sizes = settings.sizes
    platform = "cpu" if settings.small else "gpu"
    threads = len(os.sched_getaffinity(0))
    task = Task(*sizes.against, threads, platform, sizes.dtype, weights)

    for program in PROGRAMS:
        ours = _ours(program, task, sizes.rounds, journal)
        for peer in PEERS if ours else ():
            theirs = _measure(peer, program, task, sizes.rounds, journal)
            if theirs:
                journal.write("ratio", **compare(program, peer, task.dtype, ours, theirs))


def _ours(program: str, task: Task, rounds: int, journal: Journal) -> Worker | None:
    for remat in REMATS:
        ours = _measure("jax", program, dataclasses.replace(task, remat=remat), rounds, journal)
        if ours:
            return ours
    return None


def _measure(
    framework: str, program: str, task: Task, rounds: int, journal: Journal
) -> Worker | None:
    """Runs the steps of one framework in a process. Returns None if it fails."""
    figures: dict[str, Any] = {"program": program, "batch": task.batch, "dtype": task.dtype}
    if framework == "jax":
        figures["remat"] = task.remat
    try:
        worker = Worker(framework, program, task)
        error = worker.ready.get("error")
        for _ in range(0 if error else rounds):
            worker.go()
        worker.stop()
    except UserError as failure:
        error = str(failure)

    if error:
        journal.write(framework, **figures, error=error)
        return None

    low, middle, high = np.percentile([cost["wall"] for cost in worker.costs], [25, 50, 75])
    journal.write(
        framework,
        **figures,
        step_s=middle,
        step_s_quartiles=[low, high],
        clips_per_s=task.batch / middle,
        peak_bytes=worker.costs[-1]["memory"],
        losses=worker.ready["losses"],
    )

    return worker


def compare(program: str, peer: str, dtype: str, ours: Worker, theirs: Worker) -> dict[str, Any]:
    """Returns the ratios ours / theirs; below 1, ours is faster or smaller."""
    walls = [[cost["wall"] for cost in worker.costs] for worker in (ours, theirs)]
    low, middle, high = ratios(*walls)
    error = None
    try:
        losses = ours.ready["losses"], theirs.ready["losses"]
        check_same(f"{program}, {peer}", *losses, TOLERANCES[dtype])
    except UserError as mismatch:
        error = str(mismatch)

    figures = {
        "program": program,
        "to": PEERS[peer],
        "wall": middle,
        "wall_quartiles": [low, high],
        "memory": ours.costs[-1]["memory"] / theirs.costs[-1]["memory"],
        "same_losses": error is None,
    }
    return figures | {"error": error} if error else figures
