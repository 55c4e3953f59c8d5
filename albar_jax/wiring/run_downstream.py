"""`albar downstream train` and `export`: trains a head in one folder; writes its weights."""

import contextlib
import dataclasses
import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.downstream import loop
from albar_jax.downstream.base import Evaluation, Head, HeadPredictions
from albar_jax.downstream.export import write_weights
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.loop import Result
from albar_jax.downstream.recipes import describe_changes, make_recipe
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.schema.changes import config_difference, without
from albar_jax.storage.inside import inside, own_folder
from albar_jax.storage.lock import working_in, writing
from albar_jax.terminal.escapes import shell_word, show
from albar_jax.train import checkpoint_health
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.wiring import saved_evaluation
from albar_jax.wiring.downstream_inputs import Inputs, check_features, check_origin
from albar_jax.wiring.downstream_inputs import read_inputs as read_inputs
from albar_jax.wiring.trained_heads import open_training, read_meta

# The features may have been moved; the fingerprint tells whether they are the same.
_MAY_CHANGE = ("features", "annotations")


def run(
    inputs: Inputs,
    recipe: Mapping[str, Any],
    seed: int,
    workdir: str,
    *,
    is_locked: bool = False,
) -> int:
    """Trains a head, or resumes its training.

    Args:
      inputs: features and annotations.
      recipe: other values for fields of the recipe.
      seed: seed of the training.
      workdir: folder for checkpoints, log and figures.
      is_locked: whether the caller holds the lock of `workdir`.

    Returns:
      The exit status: 0 for a finished training, 128 plus the number of the signal that stopped it.

    Raises:
      UserError: a mistake of the user; most are found before training starts.
    """
    chosen = make_recipe(inputs.head, recipe)
    config = {
        "head": inputs.head,
        "features": inputs.features,
        "annotations": inputs.annotations,
        "seed": seed,
        "recipe": dataclasses.asdict(chosen),
    }
    content = {"config": config, "trained_on": inputs.origin, "videos": inputs.fingerprint}
    # As it is read back: JSON has no tuples.
    meta = json.loads(json.dumps(content))
    with working_in(workdir, "--workdir", active=not is_locked) as folder:
        health = checkpoint_health.examine(folder / "checkpoints")
        checkpoint_health.require_sound(health)
        if health.sound:
            last = health.sound[-1]
            saved = read_meta(Checkpoints(folder, read_only=True, health=health), last)
            _check_same(saved, meta, inputs, folder, last)

        check_features(inputs)
        head = HEADS[inputs.head].make(inputs.feature_set, inputs.truth, chosen, seed)
        show(*inputs.notes, _describe(inputs, head, describe_changes(chosen), seed, folder))
        with contextlib.closing(Checkpoints(folder, health=health)) as checkpoints:
            tests_each_epoch = HEADS[inputs.head].tests_each_epoch
            result = loop.train(head, checkpoints, folder, meta, tests_each_epoch=tests_each_epoch)

        return _finish(head, result, folder, inputs.notes, meta["config"])


def _check_same(saved: dict, meta: dict, inputs: Inputs, folder: Path, last: int) -> None:
    """Raises UserError if a folder holds another training."""
    head = saved["config"]["head"]
    if head != inputs.head:
        # The fields of the recipes need not be listed then.
        raise UserError(
            f"{folder} holds another training, of {HEADS[head].title} at step {last}; choose "
            "another --workdir"
        )

    difference = config_difference(
        without(saved["config"], _MAY_CHANGE), without(meta["config"], _MAY_CHANGE)
    )
    if difference:
        raise UserError(
            f"{folder} holds another training, at step {last}; choose another --workdir, or undo: "
            + "; ".join(difference)
        )
    check_origin(saved["trained_on"], inputs, str(folder))
    if saved["videos"] != meta["videos"]:
        raise UserError(
            f"{folder} was trained up to step {last} on other videos or annotations than those of "
            f"{inputs.features} and {inputs.annotations}; restore them, or choose another --workdir"
        )


def _describe(inputs: Inputs, head: Head, changes: str, seed: int, folder: Path) -> str:
    recipe = f"with {changes}" if changes else "with the published recipe"
    return (
        f"{HEADS[inputs.head].title} on {inputs.features}, seed {seed}, {recipe}: "
        f"{head.num_steps} steps of {head.num_steps // head.steps_per_epoch} epochs in {folder}"
    )


def _finish(
    head: Head, result: Result, folder: Path, notes: Sequence[str], config: Mapping[str, Any]
) -> int:
    """Writes figures and predictions of a finished training; returns the exit status.

    Args:
      head: the head.
      result: result of the training.
      folder: folder of the training.
      notes: sentences about videos that are left out, to be saved with the figures.
      config: config of the training, to be saved, too.
    """
    progress = result.progress
    if progress.stopped_by:
        # Before the first step, there is nothing to save.
        saved = ", which is saved" if progress.step else ""
        show(
            f"stopped by {progress.stopped_by} after step {progress.step} of "
            f"{progress.num_steps}{saved}; repeat the command to resume"
        )
        return 128 + signal.Signals[progress.stopped_by]

    evaluation = result.evaluation
    if evaluation is None and not (folder / saved_evaluation.FILE).exists():
        evaluation = head.evaluate(result.state)
    if evaluation is not None:
        write_predictions(inside(own_folder(folder, "predictions"), "last.npz"), evaluation)
        # Written last: it marks the training as finished.
        saved_evaluation.write(folder, progress, [*notes, *evaluation.notes], config)
        show(*evaluation.notes)

    show(
        f"trained: {_figures(progress.last)}",
        f"next: albar downstream evaluate --workdir {shell_word(str(folder))} --out "
        f"{shell_word(str(folder / 'evaluation'))}",
    )
    return 0


def _figures(figures: Mapping[str, float | None]) -> str:
    texts = []
    for name, figure in figures.items():
        texts.append(f"{name} undefined" if figure is None else f"{name} {figure:.2f}")

    return ", ".join(texts)


def write_predictions(path: Path, evaluation: Evaluation) -> None:
    """Writes predictions as an .npz file: `ids`, and the arrays `<number of the id>/<name>`."""
    predictions: HeadPredictions = evaluation.predictions
    # Ids are data, because names of members of an archive could lead out of a folder.
    arrays: dict[str, Any] = {"ids": np.array(list(predictions), dtype=np.str_)}
    for number, values in enumerate(predictions.values()):
        for name, array in values.items():
            arrays[f"{number}/{name}"] = array

    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def export(workdir: str, checkpoint: str, out: str) -> int:
    """Writes the weights of a head under the original's names; returns the exit status.

    Args:
      workdir: folder of the training.
      checkpoint: "last", "best" or a step.
      out: new file; its suffix is the format.

    Raises:
      UserError: the checkpoint does not exist, or `out` exists or has an unknown suffix.
    """
    training = open_training(workdir)
    step = training.find(checkpoint)
    network = training.make_network()
    state = loop.restore(network, training.checkpoints, step)
    head = training.config["head"]
    with writing(out):
        steps_per_epoch = training.progress.num_steps // training.config["recipe"]["epochs"]
        epoch = step // steps_per_epoch - 1
        write_weights(Path(out), head, network.to_torch(state), epoch=epoch)

    show(f"{out}: {HEADS[head].title} of {workdir} at step {step}")
    return 0
