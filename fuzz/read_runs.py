"""Reads weights, workdirs and records like training and evaluation."""

import contextlib
import hashlib
import random
from pathlib import Path

from fuzz.seeds.runs import STUDY


def read_weights(folder: Path) -> None:
    """Reads the first weight file of a folder; an index comes before its shards."""
    from albar_jax.weights.loading import load

    files = sorted(folder.iterdir(), key=lambda path: (path.suffix != ".json", path.name))
    load(str(files[0] if files else folder / "gone.pth"))


def read_converted(folder: Path) -> None:
    """Reads a converted directory."""
    from albar_jax.weights.loading import load

    load(str(folder / "weights"))


def read_workdir(folder: Path) -> None:
    """Reads the best checkpoint like evaluation, and the last checkpoint like a resumed run."""
    from albar_jax import wiring
    from albar_jax.parallel.mesh import data_mesh
    from albar_jax.studies import Run
    from albar_jax.wiring import costs, trained_models

    for which in ("best", "last"):
        trained = trained_models.from_workdir(str(folder), which)
        _, template = wiring.model_shapes(trained.config, len(trained.classes), data_mesh())
        trained.restore(template)

    _resume(folder, trained.config, template)
    costs.plain_steps([(trained.config, Run(0, None, 0, None, folder).summary)])


def _resume(folder: Path, config, weights) -> None:
    """Restores the whole training state like a resumed run."""
    import jax
    import jax.numpy as jnp

    from albar_jax import wiring
    from albar_jax.parallel.mesh import data_mesh, replicated
    from albar_jax.train.checkpoint import Checkpoints
    from albar_jax.train.step import init_state
    from albar_jax.types import TrainState

    optimizer = wiring.optimizer(config, lambda step: 0.1)
    sharding = replicated(data_mesh())

    def begin() -> TrainState:
        return init_state(
            jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), weights), optimizer
        )

    shapes = jax.eval_shape(begin)
    template = jax.tree.map(lambda leaf: leaf.update(sharding=sharding), shapes)
    checkpoints = Checkpoints(folder, read_only=True)

    try:
        checkpoints.restore(checkpoints.find("last"), template)
    finally:
        checkpoints.close()


def read_study(folder: Path) -> None:
    """Reads the state of a study's runs like a resumed run_study."""
    from albar_jax.config import parse
    from albar_jax.errors import UserError
    from albar_jax.storage.class_names import read_class_list
    from albar_jax.studies import list_runs, read_study
    from albar_jax.wiring import costs, study_request, study_trials

    run = list_runs(read_study(str(STUDY)), [0], folder, {})[0]

    for read in (
        lambda: study_request.check_same_config(run),
        lambda: (run.is_busy, run.is_trained),
        lambda: study_trials.predictions_of(run),
        lambda: costs.plain_steps([(parse(run.config), run.summary)]),
        lambda: read_class_list(run.folder / "predictions" / "classes.txt"),
    ):
        with contextlib.suppress(UserError):
            read()


def read_records(folder: Path) -> None:
    """Reads all records of a data set as videos."""
    import numpy as np

    from albar_jax.data import checksums, records, shard_reader
    from albar_jax.data.clip_reader import ClipSpec, read_clip
    from albar_jax.errors import UserError

    # The caches still hold the folder of the previous input.
    shard_reader.close_shards()
    for value in vars(records).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()

    place = records.location("tiny", folder)
    with contextlib.suppress(UserError):
        checksums.verify(place)

    spec = ClipSpec(num_frames=4, stride=1, size=32, short_side=36)
    for number in range(3):
        path = f"{place}#train/{number}"
        if records.is_record(path) and records.exists(path):
            read_clip(path, spec, np.random.default_rng(0))


def sum_again(case: Path, rng: random.Random) -> None:
    """Updates `SHA256SUMS` to the changed files in most cases, as an attacker would."""
    from albar_jax.storage import seals

    for sums in sorted(case.rglob(seals.FILE)):
        if rng.random() > 0.7 or not sums.is_file() or sums.is_symlink():
            continue

        digests = {}
        for line in sums.read_text(errors="surrogateescape").splitlines():
            name = line.partition("  ")[2]
            path = sums.parent / name
            # The target of a link may be endless.
            if path.is_file() and not path.is_symlink():
                digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()

        sums.write_text(seals.to_text(digests), errors="surrogateescape")
