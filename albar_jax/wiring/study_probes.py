"""Runs the downstream tasks of a study: features of each encoder, then a head on them."""

import collections
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.recipes import make_recipe
from albar_jax.errors import UserError
from albar_jax.files import read_text, write_text
from albar_jax.schema.changes import config_difference
from albar_jax.storage.inside import inside, own_folder
from albar_jax.studies import Run, Study
from albar_jax.studies.probes import Probe
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import run_downstream, run_features, saved_evaluation, trained_models
from albar_jax.wiring.downstream_table import HeadTable, TestedHead, make_table, summarise
from albar_jax.wiring.feature_options import FeatureOptions

# Folder of the downstream tasks in the folder of a run.
_FOLDER = "downstream"
# File in the folder of a task: the digits of the encoder's weights.
_ENCODER = "encoder.txt"


def check_recipes(probes: Sequence[Probe]) -> None:
    """Raises UserError if two tasks share a name, or a recipe is impossible."""
    names = collections.Counter(probe.name for probe in probes)
    for probe in probes:
        if names[probe.name] > 1:
            raise UserError(f"{names[probe.name]} tasks are named {probe.name}; rename all but one")
        make_recipe(probe.head, probe.recipe)


def is_done(run: Run, probe: Probe) -> bool:
    """Returns whether the head of a task is trained and tested on the features of a run."""
    return saved_evaluation.read(_head(run, probe)) is not None and not _mismatch(run, probe)


def work(run: Run, study: Study, stop: StopRequest) -> None:
    """Does the downstream tasks of a trained run that are not done; each resumes where it stopped.

    A task that fails does not keep the others from being done.

    Raises:
      UserError: films or annotations are missing or damaged, or the folder of a task belongs to
        other weights or another recipe.
    """
    errors = []
    for probe in study.probes:
        if stop.signal_name:
            return
        if is_done(run, probe):
            continue
        try:
            mismatch = _mismatch(run, probe)
            if mismatch:
                raise UserError(
                    f"{_place(run, probe)} {mismatch}; move it away to do the task again"
                )
            _make(run, probe.of_seed(run.seed), own_folder(_place(run, probe)), stop)
        except UserError as error:
            errors.append(error)
            show(f"failed: {run}: {probe.title}: {error}", flush=True)

    if errors:
        raise errors[0]


def check_data(runs: Sequence[Run], probes: Sequence[Probe]) -> None:
    """Raises UserError for missing films now, not after days of training."""
    for run in runs:
        for probe in probes:
            own = probe.of_seed(run.seed)
            for path in (own.videos, own.annotations):
                if not is_done(run, probe) and not Path(path).exists():
                    raise UserError(f"{path} does not exist; make it with: {probe.data}")


def _make(run: Run, probe: Probe, folder: Path, stop: StopRequest) -> None:
    """Makes the features of a run and trains the head on them."""
    show(f"-- {run}: {probe.title}", flush=True)
    # Written before the first feature.
    write_text(inside(folder, _ENCODER), f"{run.encoder_digits}\n")
    features = own_folder(folder, "features")
    options = FeatureOptions(
        videos=[probe.videos],
        layout="plain",
        preset=probe.preset,
        out=str(features),
        hop=probe.hop,
        batch_size=probe.batch_size,
    )
    encoder = trained_models.from_workdir(str(run.folder), "best")
    # Extraction does not ask for a request to stop, so a signal interrupts it.
    with stop.interrupting() as was_interrupted:
        run_features.run(encoder, options)
    if was_interrupted():
        return

    inputs = run_downstream.read_inputs(
        probe.head, str(features), probe.annotations, skip_missing=False
    )
    run_downstream.run(inputs, probe.recipe, run.seed, str(folder / "head"))


def _mismatch(run: Run, probe: Probe) -> str:
    """Describes why the files of a task belong to another encoder or recipe; "" if they do not."""
    origin = _place(run, probe) / _ENCODER
    # A study stays complete if the checkpoints are deleted.
    if origin.exists() and run.encoder_digits:
        digits = read_text(origin, remedy="; delete it").strip()
        if digits and digits != run.encoder_digits:
            return "was made with other weights of the encoder than the run has now"

    saved = saved_evaluation.read(_head(run, probe))
    if saved is None:
        return ""
    wanted = {
        "head": probe.head,
        "seed": run.seed,
        "recipe": dataclasses.asdict(make_recipe(probe.head, probe.recipe)),
    }
    trained = {name: saved.config[name] for name in wanted}
    difference = config_difference(trained, wanted)
    return f"has a head of another recipe: {difference[0]}" if difference else ""


def tables(study: Study, runs: Sequence[Run]) -> list[tuple[Probe, HeadTable]]:
    """Returns the table of each task, with notes; a row without a head has dashes."""
    names = [cell.name for cell in study.cells]
    result = []
    for probe in study.probes:
        tested, notes = _tested(probe, runs)
        table = make_table(probe.head, tested, names)
        result.append((probe, dataclasses.replace(table, notes=[*notes, *table.notes])))

    return result


def as_markdown(tables: Sequence[tuple[Probe, HeadTable]]) -> str:
    """Returns the tables with headings."""
    text = ""
    for probe, table in tables:
        text += f"\n## {markdown_text(probe.title)}\n\n{table.markdown()}"

    return text


def as_json(study: Study, runs: Sequence[Run]) -> dict[str, Any]:
    """Returns the figures of all tasks: name -> row -> figures."""
    content = {}
    for probe in study.probes:
        settings = {"preset": probe.preset, "hop": probe.hop, "recipe": dict(probe.recipe)}
        tested, notes = _tested(probe, runs)
        rows = summarise(tested).get(probe.head, {})
        content[probe.name] = {"head": probe.head, **settings, "rows": rows, "notes": notes}

    return json.loads(json.dumps(content))


def _tested(probe: Probe, runs: Sequence[Run]) -> tuple[list[TestedHead], list[str]]:
    """Returns the figures of the finished heads of a task, and their notes, each once."""
    tested = []
    notes: dict[str, None] = {}
    for run in runs:
        saved = saved_evaluation.read(_head(run, probe))
        if saved is None:
            continue
        mismatch = _mismatch(run, probe)
        if mismatch:
            notes[f"{_place(run, probe)} {mismatch}, so its figures are left out."] = None
            continue

        # A head that is tested once has no best epoch.
        states = ("last", "best") if HEADS[probe.head].tests_each_epoch else ("last",)
        figures = {when: saved.figures[when] for when in states if saved.figures[when]}
        tested.append(TestedHead(probe.head, run.cell.name, run.seed, figures))
        notes |= dict.fromkeys(saved.notes)

    return tested, list(notes)


def _place(run: Run, probe: Probe) -> Path:
    return inside(run.folder, _FOLDER, probe.folder)


def _head(run: Run, probe: Probe) -> Path:
    return _place(run, probe) / "head"
