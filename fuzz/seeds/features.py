"""Makes sets of features, and the predictions of other programs on long films."""

import json
from pathlib import Path

import numpy as np

from albar_jax.features.feature_info import FeatureInfo, VideoInfo, to_text
from albar_jax.features.windows import Windows
from fuzz.seeds.annotations import make_annotations
from fuzz.seeds.tables import write

_ENCODER = {"weights": "0" * 64, "network": "none", "config": {}}
_WINDOWS = Windows(frames=8, stride=1, hop=4, centred=True)


def make_features(folder: Path) -> None:
    """Makes a set of features of one crop, and one of three crops."""
    for crops, shape in ((1, (3, 5)), (3, (3, 3, 5))):
        info = FeatureInfo(
            encoder=_ENCODER,
            layout="plain",
            preset="dense",
            windows=_WINDOWS,
            crops=crops,
            size=32,
            short_side=32,
            shape="keep",
            width=5,
        )
        videos = {"a": VideoInfo("a.avi", 13, 3, 25.0, "test", "Abuse")}
        own = folder / f"crops{crops}"
        write(own, {"features.json": to_text(info, videos, {"b": "it is empty"})})
        _write_array(own / "a.npy", shape)


def make_predictions(folder: Path) -> None:
    """Makes anomaly scores, and segments in both forms, beside their annotations."""
    make_annotations(folder)
    _write_array(folder / "anomaly" / "Abuse" / "Abuse028_x264.npy", (4,))

    name = "video_test_0000004"
    segments = [{"segment": [1.0, 2.5], "label": label, "score": 0.5} for label in ("Diving", 0)]
    write(folder / "segments", {"results.json": json.dumps({"results": {name: segments}})})
    columns = {"video-id": [name], "t-start": [1.0], "t-end": [2.5], "label": [1], "score": [0.5]}
    write(folder / "columns", {"results.json": json.dumps(columns)})
    annotations = folder / "segments" / "thumos14.json"
    write(folder / "columns", {"thumos14.json": annotations.read_text()})


def _write_array(path: Path, shape: tuple[int, ...]) -> None:
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape))
