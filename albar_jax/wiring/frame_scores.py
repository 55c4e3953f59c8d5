"""Scores single frames of the training videos with a trained network."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.data import unreadable
from albar_jax.data.every_frame import Frames, read_all
from albar_jax.data.failures import FailureLog
from albar_jax.data.frame_bank import Scores, read_scores, write_scores
from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError
from albar_jax.parallel.feed import device_batches
from albar_jax.parallel.mesh import check_divisible, data_mesh
from albar_jax.storage.inside import own_folder
from albar_jax.train.step import make_eval_step
from albar_jax.types import Batch
from albar_jax.wiring.trained_models import Trained, from_workdir

# Number of videos whose scores are written to one file, the most that a stop can lose.
PART = 256

Pictures = Iterable[np.ndarray]
Probs = Callable[[Pictures], np.ndarray]


def frame_scores(workdir: Path, every: int) -> tuple[Manifest, Scores]:
    """Returns the training videos of a run and the scores of their frames 0, every, 2 * every, ...

    The scores are saved in files of `scores/every_N` in the folder of the run, and existing files
    are read. Videos that the run could not read are not tried again: one of them may kill its
    reader, and here that is this process.

    Args:
      workdir: folder of the run.
      every: distance of the scored frames.

    Raises:
      UserError: no video can be read.
    """
    trained = from_workdir(str(workdir), "last")
    manifest, _ = wiring.train_and_validation(trained.config)
    folder = own_folder(workdir, "scores", f"every_{every}")
    files = {start: folder / f"{start:07}.npz" for start in range(0, len(manifest), PART)}
    missing = {start: path for start, path in files.items() if not path.exists()}
    if missing:
        _score_missing(trained, manifest, missing, every, workdir)

    scores = read_scores(list(files.values()))
    if not len(scores):
        raise UserError(
            f"none of the {len(manifest)} videos could be read, {manifest.paths[0]} first"
        )
    return manifest, scores


def _score_missing(
    trained: Trained, manifest: Manifest, missing: Mapping[int, Path], every: int, workdir: Path
) -> None:
    """Scores the videos of the missing files, which are named by the row of their first video."""
    probs = _network(trained)
    lost = unreadable.listed(workdir)
    videos = _Videos(trained.config, manifest, every)
    num_videos = len(manifest)
    done = num_videos - sum(min(PART, num_videos - start) for start in missing)

    try:
        with tqdm(total=num_videos, initial=done, unit="video", desc="score") as bar:
            for start, path in missing.items():
                part = range(start, min(start + PART, num_videos))
                rows = [row for row in part if manifest.paths[row] not in lost]
                write_scores(path, _score(probs, videos.read(rows, bar), manifest))
                bar.update(len(part) - len(rows))
    finally:
        unreadable.report(videos.failures, workdir)


class _Videos:
    """Reads the frames of training videos, and logs the videos that cannot be read.

    Args:
      config: config of the experiment.
      manifest: the training videos.
      every: distance of the frames.

    Attributes:
      failures: the unreadable videos so far.
    """

    def __init__(self, config: Config, manifest: Manifest, every: int):
        self.failures = FailureLog()
        self._config = config
        self._paths = manifest.paths
        self._every = every

    def read(self, rows: Sequence[int], bar: tqdm) -> Iterator[tuple[int, Frames]]:
        """Yields the frames of these rows of the manifest; unreadable videos have none."""
        loader = self._config.loader
        videos = read_all(
            [self._paths[row] for row in rows],
            size=self._config.data.size,
            every=self._every,
            threads=loader.threads,
            decoder=loader.decoder,
        )
        for row, frames in zip(rows, videos, strict=True):
            if frames.reason:
                self.failures[self._paths[row]] = frames.reason
            yield row, frames
            bar.update()


def _score(probs: Probs, videos: Iterable[tuple[int, Frames]], manifest: Manifest) -> Scores:
    """Returns the scores of all frames of these videos."""
    # Row and frame of each image, in the order in which the images are read.
    listed: list[tuple[int, int]] = []

    def pictures() -> Pictures:
        for row, frames in videos:
            listed.extend((row, int(number)) for number in frames.numbers)
            yield from frames.pictures

    frame_probs = probs(pictures())
    row, frame = np.array(listed, np.int32).reshape(-1, 2).T
    label_probs = frame_probs[np.arange(len(row)), manifest.labels[row]]
    return Scores(row, frame, label_probs, frame_probs.max(axis=1))


def _network(trained: Trained) -> Probs:
    """Returns a function from images to float32 (n, K) probabilities; it reads a batch ahead."""
    config = trained.config
    mesh = data_mesh()
    num_classes = len(trained.classes)
    size = config.data.size
    batch_size = config.eval.batch_size
    check_divisible(batch_size, mesh, "config.eval.batch_size")

    apply, template = wiring.model_shapes(config, num_classes, mesh)
    params = trained.restore(template)
    eval_step = make_eval_step(apply, mesh)

    def probs(pictures: Pictures) -> np.ndarray:
        batches: Iterator[Batch] = device_batches(
            _batches(pictures, batch_size, size), num_classes, mesh
        )
        parts = [np.zeros((0, num_classes), np.float32)]
        for batch in batches:
            predictions = jax.device_get(eval_step(params, batch))
            parts.append(predictions.probs[predictions.valid > 0])
        return np.concatenate(parts)

    return probs


def _batches(pictures: Pictures, batch_size: int, size: int) -> Iterator[dict[str, np.ndarray]]:
    """Yields batches of one-frame clips in the format of the loader; the last batch is padded."""
    pictures = iter(pictures)
    while clips := list(itertools.islice(pictures, batch_size)):
        video = np.zeros((batch_size, 1, size, size, 3), np.uint8)
        video[: len(clips), 0] = clips
        # Scoring needs neither labels nor the rows of the manifest.
        zeros = np.zeros(batch_size, np.int32)
        valid = (np.arange(batch_size) < len(clips)).astype(np.float32)
        yield {"video": video, "label": zeros, "valid": valid, "index": zeros}
