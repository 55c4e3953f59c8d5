"""Measures how much of the action is in the motion of clips: a classifier that sees only flow.

    python -m benchmarks.flow_reader --train MANIFEST --test MANIFEST

The classifier gets the mean flow of the moving pixels and their expansion, for each step between
frames. It is ridge regression on random cosines of these. So its accuracy on appearance-free clips
is a lower bound of what motion alone tells. Clips must have the same number of frames.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np

from albar_jax.data.decode import open_video
from albar_jax.data.manifest import read_manifest, split_sizes
from albar_jax.synthesis import flow

# Pixels that move by less per frame do not count.
_SLOWEST = 0.5
_COSINES = 1500
_BANDWIDTH = 0.15
_RIDGE = 30.0


def describe(path: str) -> np.ndarray:
    """Returns the features of a clip, float64 (F,)."""
    with open_video(path) as video:
        frames = video.read(range(len(video)))

    shape = frames.shape[1:3]
    positions = np.stack(np.indices(shape), -1) + 0.5
    steps = []
    for earlier, later in itertools.pairwise(frames):
        displacement = flow.measure(earlier, later, shape)
        speed = np.linalg.norm(displacement, axis=-1)
        weights = np.where(speed > _SLOWEST, speed, 0)[..., None]
        weights = weights / (weights.sum() + 1e-6)

        mean = (weights * displacement).sum((0, 1))
        offsets = positions - (weights * positions).sum((0, 1))
        spread = (weights * offsets**2).sum() + 1e-6
        expansion = (weights * offsets * (displacement - mean)).sum() / spread
        steps.append([*mean, 8 * expansion, *np.abs(mean)])

    features = np.array(steps)
    means = np.abs(features).mean(0)
    return np.concatenate([features.ravel(), np.median(features, 0), features.mean(0), means])


def read(manifest: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features (N, F) and labels (N,) of a split, or of all clips without splits."""
    has_splits = set(split_sizes(manifest)) != {""}
    rows = read_manifest(manifest, split=split if has_splits else None)
    return np.stack([describe(path) for path in rows.paths]), np.asarray(rows.labels)


def accuracy(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Fits the classifier to training clips and returns its accuracy on test clips, 0 to 1."""
    features, labels = train
    center, scale = features.mean(0), features.std(0) + 1e-6
    rng = np.random.default_rng(0)
    directions = rng.normal(0, _BANDWIDTH, (features.shape[1], _COSINES))
    phases = rng.uniform(0, 2 * np.pi, _COSINES)

    def cosines(values: np.ndarray) -> np.ndarray:
        return np.cos((values - center) / scale @ directions + phases)

    inputs = cosines(features)
    targets = np.eye(labels.max() + 1)[labels]
    weights = np.linalg.solve(
        inputs.T @ inputs + _RIDGE * np.eye(_COSINES), inputs.T @ (targets - targets.mean())
    )
    return float(((cosines(test[0]) @ weights).argmax(1) == test[1]).mean())


def main() -> None:
    """Reads the command line and prints the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="its split train, or all")
    parser.add_argument("--test", type=Path, required=True, help="its split test, or all")
    args = parser.parse_args()

    share = accuracy(read(args.train, "train"), read(args.test, "test"))
    print(f"{100 * share:.1f} % of the test clips are right from their flow alone")


if __name__ == "__main__":
    main()
