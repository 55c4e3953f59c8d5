"""The golden values of TriDet, and the tiny network that made them."""

import functools
from pathlib import Path

import numpy as np

from albar_jax.downstream.tridet.config import TridetConfig

GOLDEN = Path(__file__).parents[1] / "reference" / "downstream" / "tridet.npz"
TOLERANCE = 1e-4
INPUT = 12
CLASSES = 3
TINY = TridetConfig(
    max_seq_len=64,
    stem_blocks=1,
    levels=3,
    width=32,
    mlp_width=24,
    head_width=16,
    bins=6,
    batch_size=2,
    input_noise=0.0,
    drop_path=0.0,
    candidates=40,
    most_segments=30,
)


@functools.cache
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN, allow_pickle=False))


def weights(prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): value
        for name, value in golden().items()
        if name.startswith(prefix)
    }


def distance(ours, theirs) -> float:
    """Returns the largest error, relative to the largest entry."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))
