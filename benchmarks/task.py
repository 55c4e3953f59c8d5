"""Defines the measured steps; each framework gets the same clips, weights and learning rate."""

import dataclasses
from collections.abc import Callable

import numpy as np

# Inference, and AdamW training steps of plain training and of ALBAR.
PROGRAMS = ("forward", "ce", "albar")
NUM_CLASSES = 51
# The paper's learning rate at its batch of 8.
RATE = 1.25e-5


@dataclasses.dataclass(frozen=True)
class Task:
    """The size and the settings of a benchmarked step.

    Attributes:
      frames: frames of a clip.
      size: height and width of a clip.
      batch: clips of a step.
      threads: number of cores to use.
      platform: "cpu" or "gpu".
      dtype: "float32" or "bfloat16".
      weights: file of the weights that all frameworks read.
      remat: rematerialisation of our network; PyTorch has none.
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
class LoadedStep:
    """A step in the memory of a framework.

    Attributes:
      step: runs the step and returns its loss.
      gpu_memory: returns the peak memory of a GPU's arrays so far, in bytes; None on a CPU.
      flops: FLOPs of the step; None if unknown.
    """

    step: Callable[[], float]
    gpu_memory: Callable[[], int | None]
    flops: float | None = None


def clips(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Returns random pixels, uint8 (b, t, h, w, 3), and labels, int64 (b,)."""
    rng = np.random.default_rng(0)
    shape = (task.batch, task.frames, task.size, task.size, 3)
    video = rng.integers(256, size=shape, dtype=np.uint8)
    return video, rng.integers(NUM_CLASSES, size=task.batch)
