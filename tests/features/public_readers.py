"""Readers of the layouts as the public programs read them, from their description alone.

They share no code with the writers, and run in the folder of the features.
"""

import json
from pathlib import Path

import numpy as np
import yaml


def mgfn_list(path: str) -> list[str]:
    """Returns the lines of a list; only the line feed is stripped."""
    with open(path, newline="") as file:
        return [line.removesuffix("\n") for line in file]


def mgfn_training(path: str, num_abnormal: int, preprocessed: bool = False) -> tuple[list, list]:
    """Returns the training videos as (10, 32, 2049): the normal and the abnormal ones."""
    videos = []
    for name in mgfn_list(path):
        features = np.load(name, allow_pickle=False).astype(np.float32)
        videos.append(features if preprocessed else mgfn_segments(features))
    return videos[num_abnormal:], videos[:num_abnormal]


def mgfn_segments(features: np.ndarray) -> np.ndarray:
    """Cuts (T, 10, 2048) into (10, 32, 2049)."""
    assert features.shape[1:] == (10, 2048)
    crops = []
    for crop in features.transpose(1, 0, 2):
        borders = np.linspace(0, len(crop), 33, dtype=int)
        rows = []
        for start, stop in zip(borders, borders[1:], strict=False):
            rows.append(crop[start] if start == stop else crop[start:stop].mean(axis=0))
        segments = np.stack(rows)
        lengths = np.linalg.norm(segments, axis=1)[:, None]
        crops.append(np.concatenate([segments, lengths], axis=1))
    return np.stack(crops)


def mgfn_test(path: str) -> list[np.ndarray]:
    """Returns the test videos, (T, 10, 2048) each; the program fails with fewer than 3 rows."""
    videos = [np.load(name, allow_pickle=False).astype(np.float32) for name in mgfn_list(path)]
    assert all(len(video) >= 3 and video.shape[1:] == (10, 2048) for video in videos)
    return videos


def mgfn_frame_scores(scores: list[np.ndarray]) -> np.ndarray:
    """Repeats the score of each row 16 times, in the order of the list."""
    return np.concatenate([np.repeat(video, 16) for video in scores])


def tridet_videos(settings_path: str, split: str) -> dict[str, dict]:
    """Returns the videos of a split that have a feature file: features, grid and labels."""
    settings = yaml.safe_load(Path(settings_path).read_text())
    data = settings["dataset"]
    database = json.loads(Path(data["json_file"]).read_text())["database"]
    subsets = [name.lower() for name in settings[f"{split}_split"]]
    videos = {}
    for name, entry in database.items():
        path = Path(data["feat_folder"], (data["file_prefix"] or "") + name + data["file_ext"])
        if entry["subset"].lower() not in subsets or not path.exists():
            continue

        features = np.load(path, allow_pickle=False).astype(np.float32)
        assert features.shape[1] == data["input_dim"]
        seconds = np.array([one["segment"] for one in entry["annotations"]]).reshape(-1, 2)
        labels = [one["label_id"] for one in entry["annotations"]]
        assert all(0 <= label < data["num_classes"] for label in labels)
        grid = (seconds * entry["fps"] - 0.5 * data["num_frames"]) / data["feat_stride"]
        videos[name] = {"features": features, "grid": grid, "labels": labels}
    return videos


def tridet_seconds(settings_path: str, row: float, fps: float) -> float:
    """Returns the time of a row of features."""
    data = yaml.safe_load(Path(settings_path).read_text())["dataset"]
    return (row * data["feat_stride"] + 0.5 * data["num_frames"]) / fps
