"""A generated set of features with segments that a tiny TriDet can learn."""

import dataclasses

import numpy as np

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.features.feature_info import FeatureInfo, VideoInfo, to_text
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.segments import LabelledSegments, SegmentTruth
from albar_jax.features.windows import Windows

WIDTH = 4
HOP = 4
FPS = 25.0
CONFIG = TridetConfig(
    epochs=15,
    warmup_epochs=2,
    learning_rate=1e-2,
    ema_decay=0.9,
    first_normalizer=20.0,
    max_seq_len=32,
    embed_layers=1,
    stem_blocks=1,
    levels=2,
    width=16,
    mlp_width=16,
    head_width=16,
    head_layers=1,
    bins=8,
    candidates=100,
    most_segments=50,
)
WINDOWS = Windows(frames=8, stride=1, hop=HOP, centred=True)
INFO = FeatureInfo(
    encoder={"weights": "ab12", "network": "micro", "config": {}},
    layout="plain",
    preset=None,
    windows=WINDOWS,
    crops=1,
    size=32,
    short_side=32,
    shape="keep",
    width=WIDTH,
)


def write(folder, arrays, *, info=INFO, fps=FPS, unreadable=None) -> FeatureSet:
    """Writes features as `albar features` does and reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    videos = {}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        videos[name] = VideoInfo(f"{name}.mp4", HOP * len(array), len(array), fps=fps)
    (folder / "features.json").write_text(to_text(info, videos, unreadable or {}))
    return FeatureSet(folder)


def film(name: str, split: str, number: int) -> tuple[LabelledSegments, np.ndarray]:
    """Returns a video with two segments, of one class each; a channel shows each class."""
    rng = np.random.default_rng(number)
    num_rows = int(rng.integers(26, 32))
    rows = rng.normal(0, 0.1, (num_rows, WIDTH)).astype(np.float32)

    segments, labels = [], []
    for start in (int(rng.integers(1, 5)), int(rng.integers(14, 17))):
        end = start + int(rng.integers(4, 8))
        label = int(rng.integers(0, 2))
        rows[start : end + 1, label] += 3
        segments.append([start, end])
        labels.append(label)

    seconds = (np.float64(segments) * HOP + HOP / 2) / FPS
    duration = num_rows * HOP / FPS
    return LabelledSegments(name, split, FPS, duration, seconds, np.int64(labels)), rows


def films(train: int = 8, test: int = 4) -> tuple[SegmentTruth, dict[str, np.ndarray]]:
    videos, arrays = [], {}
    for number in range(train + test):
        split = "train" if number < train else "test"
        video, rows = film(f"{split}{number}", split, number)
        arrays[video.id] = rows
        videos.append(video)

    return SegmentTruth(("run", "jump"), tuple(videos)), arrays


def changed(truth: SegmentTruth, name: str, **changes) -> SegmentTruth:
    """Returns the truth with one changed video."""
    videos = [
        dataclasses.replace(video, **changes) if video.id == name else video
        for video in truth.videos
    ]
    return dataclasses.replace(truth, videos=tuple(videos))
