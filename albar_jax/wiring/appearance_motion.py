"""Splits the scores of all original test clips of a model into appearance and motion."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from albar_jax.attribution.legs import Split, split_batch
from albar_jax.attribution.precision import at_highest_precision
from albar_jax.attribution.scores import class_score
from albar_jax.data.loader import eval_batches
from albar_jax.data.manifest import Manifest
from albar_jax.evaluation.appearance_motion import AppearanceMotion
from albar_jax.methods.pixels import normalise
from albar_jax.parallel import mesh as meshes
from albar_jax.terminal.escapes import show
from albar_jax.types import Apply, Batch, Params
from albar_jax.wiring.explainers import in_float32
from albar_jax.wiring.network import model_shapes
from albar_jax.wiring.trained_models import Trained
from albar_jax.wiring.video_feed import VideoFeed
from albar_jax.wiring.videos import loading, suite, task_manifest, views


def appearance_motion(model: Trained, feed: VideoFeed) -> AppearanceMotion | None:
    """Splits the scores of the central clip of each test video, in three forward passes.

    The class is the label, and the score its logit minus the mean logit, so that models can be
    compared. Collective: every process must call it.

    Args:
      model: the model.
      feed: streams the videos, and logs those that cannot be read.

    Returns:
      The parts of all readable clips. None if the config does not ask for them, for pictures, which
      have no motion, and if no clip can be read.
    """
    config = in_float32(model.config)
    if not config.eval.attributions:
        return None
    if config.data.num_frames == 1:
        show(f"note: {model.name} reads single frames, which have no motion to attribute")
        return None

    task = suite(config).iid
    manifest = task_manifest(config, task, model.classes)
    if manifest is None:
        return None
    apply, template = model_shapes(config, len(model.classes), feed.mesh)
    params = model.restore(template)
    step = _make_step(apply, feed.mesh)

    loader = eval_batches(
        manifest,
        views(config, task=task)[0],
        batch_size=config.eval.batch_size,
        banned=feed.failures.too_slow(config.loader.clip_seconds),
        **loading(config),
    )
    appearance, motion, readable = np.zeros((3, len(manifest)))
    for batch in feed.batches(loader, manifest):
        parts, index, valid = jax.device_get(step(params, batch))
        rows = index[valid > 0]
        appearance[rows] = parts.appearance[valid > 0]
        motion[rows] = parts.motion[valid > 0]
        readable[rows] = 1

    return _of_readable(manifest, appearance, motion, readable.nonzero()[0])


def _make_step(apply: Apply, mesh: Mesh) -> Callable[[Params, Batch], tuple[Split, ...]]:
    """Returns the jitted step from a batch to its parts, rows of the manifest and validity."""

    @at_highest_precision
    def step(params: Params, batch: Batch):
        gathered = jax.lax.with_sharding_constraint(params, meshes.replicated(mesh))
        score = class_score(apply, gathered, batch.target.argmax(1), "centred_logit")
        black = normalise(jnp.zeros(3))
        parts = split_batch(score, normalise(batch.video), black=black)
        return parts, batch.index, batch.valid

    return jax.jit(
        step,
        in_shardings=(None, meshes.split_batch(mesh)),
        out_shardings=meshes.replicated(mesh),
    )


def _of_readable(
    manifest: Manifest, appearance: np.ndarray, motion: np.ndarray, rows: np.ndarray
) -> AppearanceMotion | None:
    if not len(rows):
        return None
    tested = manifest.take(rows)
    return AppearanceMotion(tested.ids, tested.labels, appearance[rows], motion[rows])
