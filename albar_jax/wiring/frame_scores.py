"""What a trained network says of the single frames of its training videos."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from albar_jax import wiring
from albar_jax.data import unreadable
from albar_jax.data.every_frame import Frames, read_all
from albar_jax.data.frame_bank import Scores, read_scores, write_scores
from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError
from albar_jax.parallel.feed import device_batches
from albar_jax.parallel.mesh import check_divisible, data_mesh
from albar_jax.storage.inside import own_folder
from albar_jax.train.step import make_eval_step
from albar_jax.types import Batch
from albar_jax.wiring.run_evaluation import Trained, from_workdir

PART = 256  # videos whose scores are written at once: what a stop can cost

Pictures = Iterable[np.ndarray]
Probs = Callable[[Pictures], np.ndarray]


def frame_scores(workdir: Path, every: int) -> tuple[Manifest, Scores]:
    """The videos that a run was trained on, and its scores of their frames 0, every, 2 * every, ...

    They are kept in `scores/every_N` of its folder, in parts; what is there already is read. Videos that the run could
    not read are not tried again: here is no process to spare for one that kills its reader. Raises UserError if no
    video can be read.
    """
    trained = from_workdir(str(workdir), "last")
    manifest, _ = wiring.train_and_validation(trained.config)
    folder = own_folder(workdir, "scores", f"every_{every}")
    parts = {start: folder / f"{start:07}.npz" for start in range(0, len(manifest), PART)}
    missing = [start for start, path in parts.items() if not path.exists()]
    if missing:
        probs, lost, failures = _network(trained), unreadable.listed(workdir), {}
        done = len(manifest) - sum(min(PART, len(manifest) - start) for start in missing)
        try:
            with tqdm(total=len(manifest), initial=done, unit="video", desc="score") as bar:
                for start in missing:
                    part = range(start, min(start + PART, len(manifest)))
                    rows = [row for row in part if manifest.paths[row] not in lost]
                    videos = _read(trained, manifest, rows, every, failures, bar)
                    write_scores(parts[start], _score(probs, videos, manifest))
                    bar.update(len(part) - len(rows))
        finally:
            unreadable.report(failures, workdir)
    scores = read_scores(list(parts.values()))
    if not len(scores):
        raise UserError(
            f"none of the {len(manifest)} videos could be read, {manifest.paths[0]} first"
        )
    return manifest, scores


def _read(
    trained: Trained,
    manifest: Manifest,
    rows: Sequence[int],
    every: int,
    failures: dict[str, str],
    bar: tqdm,
) -> Iterator[tuple[int, Frames]]:
    """The frames of these rows; the videos that cannot be read have none, and are noted in `failures`."""
    loader = trained.config.loader
    paths = [manifest.paths[row] for row in rows]
    videos = read_all(
        paths,
        size=trained.config.data.size,
        every=every,
        threads=loader.threads,
        decoder=loader.decoder,
    )
    for row, frames in zip(rows, videos, strict=True):
        if frames.reason:
            failures[manifest.paths[row]] = frames.reason
        yield row, frames
        bar.update()


def _score(probs: Probs, videos: Iterable[tuple[int, Frames]], manifest: Manifest) -> Scores:
    listed: list[tuple[int, int]] = []  # row and frame of each picture that was read

    def pictures() -> Pictures:
        for row, frames in videos:
            listed.extend((row, int(number)) for number in frames.numbers)
            yield from frames.pictures

    said = probs(pictures())
    row, frame = np.array(listed, np.int32).reshape(-1, 2).T
    return Scores(row, frame, said[np.arange(len(row)), manifest.labels[row]], said.max(axis=1))


def _network(trained: Trained) -> Probs:
    """A function: the probabilities, float32 (n, K), of pictures, which are read one batch ahead."""
    config, mesh, num_classes = trained.config, data_mesh(), len(trained.classes)
    size, batch_size = config.data.size, config.eval.batch_size
    check_divisible(batch_size, mesh, "config.eval.batch_size")
    apply, template = wiring.model_shapes(config, num_classes, mesh)
    params = trained.restore(template)
    eval_step = make_eval_step(apply, mesh)

    def probs(pictures: Pictures) -> np.ndarray:
        batches: Iterator[Batch] = device_batches(
            _batches(pictures, batch_size, size), num_classes, mesh
        )
        parts = [
            answers.probs[answers.valid > 0]
            for answers in (jax.device_get(eval_step(params, b)) for b in batches)
        ]
        return np.concatenate([np.zeros((0, num_classes), np.float32), *parts])

    return probs


def _batches(pictures: Pictures, batch_size: int, size: int) -> Iterator[dict[str, np.ndarray]]:
    """Clips of one frame, as the loader makes them; the last batch is padded."""
    pictures = iter(pictures)
    while taken := list(itertools.islice(pictures, batch_size)):
        video = np.zeros((batch_size, 1, size, size, 3), np.uint8)
        video[: len(taken), 0] = taken
        nothing = np.zeros(batch_size, np.int32)
        valid = (np.arange(batch_size) < len(taken)).astype(np.float32)
        yield {"video": video, "label": nothing, "valid": valid, "index": nothing}
