"""Writes features of planned films without films: noisy vectors that show the action of a window.

They have the forms of `albar features` and `albar prepare`, and cost no decoding.
"""

import numpy as np

from albar_jax.features.feature_info import FeatureInfo, VideoInfo, to_text
from albar_jax.features.windows import Windows
from albar_jax.toy import untrimmed
from albar_jax.toy.films import FRAMES_PER_SECOND
from albar_jax.toy.world import World

WIDTH = 12
HOPS = {"anomaly": 8, "segments": 4}
# Small heads that learn in seconds, as options of the command line. No test film of the segments is
# longer than `max_seq_len`, so that their one padded length is compiled once.
SMALL = {
    "mgfn": {
        "epochs": 30,
        "batch_size": 4,
        "dims": (8, 16),
        "depths": (1, 1),
        "blocks": ("glance", "focus"),
        "dim_head": 8,
    },
    "tridet": {
        "epochs": 4,
        "warmup_epochs": 1,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "max_seq_len": 128,
        "embed_layers": 1,
        "stem_blocks": 1,
        "levels": 2,
        "width": 16,
        "mlp_width": 16,
        "head_width": 16,
        "head_layers": 1,
        "bins": 8,
        "drop_path": 0.0,
    },
}
TASK_OF = {"mgfn": "anomaly", "tridet": "segments"}
ANNOTATIONS = {"mgfn": "manifest.csv", "tridet": "thumos14.json"}


def write(folder, head, *, count=16, noise=0.3, seed=0, crops=1):
    """Writes FOLDER/features and FOLDER/annotations; returns both paths."""
    task = TASK_OF[head]
    films = untrimmed.list_films(World(seed), task, {"train": count, "test": count})
    annotations = folder / "annotations"
    annotations.mkdir(parents=True)
    untrimmed.write_annotations(annotations, task, films)

    windows = Windows(frames=8, stride=1, hop=HOPS[task], centred=True)
    features = folder / "features"
    features.mkdir()
    videos = {}
    for film in films:
        rows = _rows(film, windows, noise)
        if crops > 1:
            rows = np.repeat(rows[:, None], crops, axis=1)
        np.save(features / f"{film.id}.npy", rows)
        videos[film.id] = VideoInfo(
            f"{film.id}.avi", film.num_frames, len(rows), FRAMES_PER_SECOND, film.split, film.label
        )

    info = FeatureInfo(
        {"weights": "0" * 64, "network": "none", "config": {}},
        *("plain", "dense", windows, crops, 32, 32, "keep", WIDTH),
    )
    (features / "features.json").write_text(to_text(info, videos, {}))
    return features, annotations / ANNOTATIONS[head]


def _rows(film, windows, noise):
    actions = np.concatenate(
        [[World().spec.classes.index(part.action)] * part.length for part in film.parts]
    )
    middle = windows.numbers(film.num_frames)[:, windows.frames // 2]
    rng = np.random.default_rng([film.index, film.split == "test"])
    rows = noise * rng.normal(size=(len(middle), WIDTH))
    rows[np.arange(len(middle)), actions[middle]] += 1
    return rows.astype(np.float32)


def flags(head, inputs, workdir, seed=0, **changes):
    """Arguments of `albar downstream train`."""
    features, annotations = inputs
    words = [f"--head={head}", f"--features={features}", f"--annotations={annotations}"]
    words += [f"--workdir={workdir}", f"--seed={seed}"]
    for name, value in {**SMALL[head], **changes}.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words.append(f"--{name.replace('_', '-')}={text}")
    return words
