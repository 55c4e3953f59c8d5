"""What is measured, as every framework gets it: the same clips, the same weights, the same rate."""

import dataclasses
from collections.abc import Callable

import numpy as np

PROGRAMS = (
    "forward",
    "ce",
    "albar",
)  # inference, and a step with AdamW of plain training and of ALBAR
NUM_CLASSES = 51
RATE = 1.25e-5  # the paper's, at its batch of 8


@dataclasses.dataclass(frozen=True)
class Task:
    """A benchmarked step: its size, `platform` (cpu or gpu) and `dtype` (float32 or bfloat16).

    Both frameworks read the file `weights` and use `threads` cores. `remat` applies to our network;
    PyTorch rematerialises nothing.
    """

    frames: int
    size: int
    batch: int
    threads: int
    platform: str
    dtype: str
    weights: str
    remat: str = "none"


@dataclasses.dataclass(frozen=True)
class Held:
    """The step that a framework holds: `step` takes it and returns its loss.

    `gpu_memory` returns the peak of a GPU's arrays so far, in bytes, and None on a CPU; `flops` are a step's.
    """

    step: Callable[[], float]
    gpu_memory: Callable[[], int | None]
    flops: float | None = None


def clips(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, uint8 (b, t, h, w, 3), and labels."""
    rng = np.random.default_rng(0)
    video = rng.integers(
        256, size=(task.batch, task.frames, task.size, task.size, 3), dtype=np.uint8
    )
    return video, rng.integers(NUM_CLASSES, size=task.batch)
