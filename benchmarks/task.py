"""What is measured, as every framework gets it: the same clips, the same weights, the same rate."""

import dataclasses

import numpy as np

PROGRAMS = ("forward", "ce", "albar")  # inference, and a step with AdamW of plain training and of ALBAR
NUM_CLASSES = 51
RATE = 1.25e-5  # the paper's, at its batch of 8


@dataclasses.dataclass(frozen=True)
class Task:
    """The size of a step; `weights` is a file that both frameworks read, `threads` what they may use."""

    frames: int
    size: int
    batch: int
    threads: int
    weights: str


def clips(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, uint8 (b, t, h, w, 3), and labels."""
    rng = np.random.default_rng(0)
    video = rng.integers(256, size=(task.batch, task.frames, task.size, task.size, 3), dtype=np.uint8)
    return video, rng.integers(NUM_CLASSES, size=task.batch)
