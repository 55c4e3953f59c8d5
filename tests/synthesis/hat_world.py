"""Makes small videos of different sizes and lengths, with masks, for HAT's sets."""

from pathlib import Path

import cv2
import numpy as np
import stand_ins

# Height, width, and number of frames. The classes alternate.
SHAPES = ((48, 64, 5), (36, 50, 7), (64, 40, 3), (48, 64, 4), (30, 40, 6), (50, 50, 5))
# A video without masks.
LEFT_OUT = 4


def film(number: int) -> np.ndarray:
    """Returns frames, uint8 (T, H, W, 3): colored blots that flicker."""
    height, width, count = SHAPES[number]
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 200, (5, 5, 3), np.uint8)
    still = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(int)
    return (still + rng.integers(0, 40, (count, height, width, 3))).clip(0, 255).astype(np.uint8)


def masks(number: int) -> np.ndarray:
    """Returns masks, bool (T, H, W): an ellipse that moves to the right.

    Nobody is in the first frame, except in the last video: there some pixels are always covered.
    """
    height, width, count = SHAPES[number]
    drawn = np.zeros((count, height, width), np.uint8)
    first = 0 if number == len(SHAPES) - 1 else 1
    for frame in range(first, count):
        middle = width // 4 + 3 * frame, height // 3 + 2 * number
        cv2.ellipse(drawn[frame], middle, (6, 9), 0, 0, 360, 1, -1)
    return drawn.astype(bool)


def label_of(number: int) -> str:
    return f"action{number % 2}"


def make(root: Path) -> Path:
    """Writes the videos and their masks. Returns the manifest."""
    rows = []
    (root / "masks").mkdir(parents=True)
    for number in range(len(SHAPES)):
        stand_ins.write_images(root / "videos" / f"clip_{number}", film(number))
        if number != LEFT_OUT:
            np.savez(root / "masks" / f"clip_{number}.npz", masks=masks(number))
        path = f"videos/clip_{number}"
        rows.append({"path": path, "label": label_of(number), "id": f"clip_{number}"})
    return stand_ins.write_csv(root / "manifest.csv", rows)


def run(root: Path, out: Path, *more: str | Path | int) -> int:
    """Makes HAT's sets in one process."""
    words = ("--manifest", root / "manifest.csv", "--masks", f"npz:{root / 'masks'}")
    return stand_ins.run("hat", *words, "--jobs", 1, "--out", out, *more)
