"""Makes a tiny CUB and a tiny Places365 in their published layouts."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SPECIES = ("Black_footed_Albatross", "Eastern_Towhee", "Western_Gull", "House_Sparrow")
# Pictures of a species. The first 7 are for training.
EACH = 10
SCENES = ("b/bamboo_forest", "f/forest/broadleaf", "o/ocean", "l/lake/natural")
PER_FOLDER = 30


def make(root: Path) -> list[str | Path]:
    """Writes both below `root`.

    Returns the arguments of `albar synthesize waterbirds`, except --out.
    """
    rng = np.random.default_rng(0)
    images, splits = [], []
    for species, name in enumerate(SPECIES, start=1):
        for copy in range(EACH):
            file = f"{species:03}.{name}/{name}_{copy:04}.jpg"
            height, width = rng.integers(20, 40, 2)
            _save(root / "CUB_200_2011" / "images" / file, _noise(rng, height, width))
            soft = cv2.GaussianBlur(
                cv2.circle(np.zeros((height, width)), (12, 10), 6, 255, -1), (5, 5), 0
            )
            _save((root / "segmentations" / file).with_suffix(".png"), soft.astype(np.uint8))
            images.append(f"{len(images) + 1} {file}\n")
            splits.append(f"{len(images)} {int(copy < 7)}\n")
    (root / "CUB_200_2011" / "images.txt").write_text("".join(images))
    (root / "CUB_200_2011" / "train_test_split.txt").write_text("".join(splits))
    for folder in SCENES:
        for copy in range(PER_FOLDER):
            height, width = ((30, 50), (60, 44), (24, 24))[copy % 3]
            _save(root / "data_large" / folder / f"{copy:08}.jpg", _noise(rng, height, width))
    folders = {
        "--cub": "CUB_200_2011",
        "--segmentations": "segmentations",
        "--places": "data_large",
    }
    return [word for flag, folder in folders.items() for word in (flag, root / folder)]


def _noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return cv2.resize(rng.integers(0, 256, (5, 5, 3), np.uint8), (int(width), int(height)))


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
