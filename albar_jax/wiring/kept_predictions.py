"""Predicts a test set and keeps the predictions, so that a repeated command reads them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from albar_jax import files, wiring
from albar_jax.data.manifest import Manifest
from albar_jax.evaluation.audit import folder_name
from albar_jax.evaluation.predictions import Predictions, read_predictions, write_predictions
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside, own_folder
from albar_jax.terminal.escapes import notify
from albar_jax.wiring.encoder import weights_hash
from albar_jax.wiring.trained_models import Trained
from albar_jax.wiring.videos import fingerprint


def predict_once(model: Trained, manifest: Manifest, task: str, folder: Path) -> Predictions:
    """Returns the predictions of a test set; reads them if this folder has them already.

    Args:
      model: the model.
      manifest: the test videos.
      task: name of the test set.
      folder: folder of the results. The predictions are in `predictions/<run>/<task>.csv`, in the
        format of `albar evaluate`, and their settings in `<task>.json` beside them.
    """
    feed = wiring.VideoFeed(data_mesh())
    apply, template = wiring.model_shapes(model.config, len(model.classes), feed.mesh)
    params = model.restore(template)
    settings = {
        "weights": weights_hash(params),
        "config": dataclasses.asdict(model.config),
        "videos": fingerprint(manifest),
    }

    kept = own_folder(folder, "predictions", folder_name(model.name, model.config.seed))
    table, about = inside(kept, f"{task}.csv"), inside(kept, f"{task}.json")
    if table.exists() and _is_same(about, settings):
        return read_predictions(table)

    order = wiring.temporal_orders(model.config).get(task, "forward")
    predictions = wiring.predictor(model.config, apply, feed)(params, manifest, order, task)
    # Each reason begins with the path.
    notify(*(f"cannot read {reason}" for reason in feed.failures.values()))

    # Written last, so that it never describes other predictions.
    about.unlink(missing_ok=True)
    write_predictions(table, predictions)
    files.write_text(about, json.dumps(settings))
    return predictions


def _is_same(about: Path, settings: dict[str, Any]) -> bool:
    if not about.exists():
        return False
    # As it is read back.
    return json_files.read(about, remedy="; delete it") == json.loads(json.dumps(settings))
