"""Golden values of the original MGFN, their network, and sets of features."""

from pathlib import Path

import jax
import numpy as np

from albar_jax.downstream.mgfn import network
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.names import MGFN
from albar_jax.features import feature_info
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.windows import Windows
from albar_jax.weights.state_dicts import from_state_dict

TOLERANCE = 1e-4
CONFIG = MgfnConfig(dims=(8, 16, 32), depths=(2, 1, 2), dim_head=8, batch_size=2)
# Channels of the features, without the magnitude.
WIDTH = 24
GOLDEN = dict(np.load(Path(__file__).parents[1] / "reference" / "downstream" / "mgfn.npz"))
COUNTER = "num_batches_tracked"


def distance(ours, theirs) -> float:
    """Returns the largest error, relative to the largest entry."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def named(prefix: str) -> dict:
    """Returns the arrays of a prefix, such as "w/", by the name after it, without counters."""
    arrays = {}
    for name, value in GOLDEN.items():
        if name.startswith(prefix) and not name.endswith(COUNTER):
            arrays[name.removeprefix(prefix)] = value
    return arrays


def load():
    """Returns the pure function of the network and its golden weights."""
    apply, template = network.create(CONFIG, WIDTH, jax.random.key(0))
    return apply, from_state_dict(named("w/"), MGFN, template, "file")


def write_features(
    folder: Path, videos: dict, *, hop: int = 16, unreadable: dict | None = None
) -> FeatureSet:
    """Writes features, {id: float32 (T, crops, C)}, and reads them back."""
    _, crops, width = next(iter(videos.values())).shape
    windows = Windows(frames=hop, stride=1, hop=hop)
    encoder = {"weights": "0" * 64, "network": "Swin", "config": {}}
    info = feature_info.FeatureInfo(
        encoder, "plain", None, windows, crops, size=8, short_side=8, shape="keep", width=width
    )
    infos = {}
    for name, rows in videos.items():
        np.save(folder / f"{name}.npy", rows[:, 0] if crops == 1 else rows)
        infos[name] = feature_info.VideoInfo(f"{name}.mp4", len(rows) * hop, len(rows))
    (folder / feature_info.FILE).write_text(feature_info.to_text(info, infos, unreadable or {}))
    return FeatureSet(folder)
