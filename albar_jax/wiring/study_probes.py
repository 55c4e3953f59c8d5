"""Runs the downstream tasks of a study: features of each encoder, then a head on them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.heads import HEADS
from albar_jax.errors import UserError
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside, own_folder
from albar_jax.studies import Run, Study
from albar_jax.studies.probes import Probe
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import run_downstream, run_features, trained_models
from albar_jax.wiring.downstream_table import HeadTable, TestedHead, make_table, summarise
from albar_jax.wiring.feature_options import FeatureOptions
from albar_jax.wiring.run_downstream import EVALUATION

# Folder of the downstream tasks in the folder of a run.
_FOLDER = "downstream"


def is_done(run: Run, probe: Probe) -> bool:
    """Returns whether the head of a task is trained and tested on the features of a run."""
    return _evaluation(run, probe).exists()


def work(run: Run, study: Study, stop: StopRequest) -> None:
    """Does the downstream tasks of a trained run that are not done; each resumes where it stopped.

    Raises:
      UserError: films or annotations are missing or damaged.
    """
    for probe in study.probes:
        if stop.signal_name:
            return
        if not is_done(run, probe):
            _make(run, probe.of_seed(run.seed), own_folder(_place(run, probe)), stop)


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


def tables(study: Study, runs: Sequence[Run]) -> list[tuple[Probe, HeadTable]]:
    """Returns the table of each task; a row without a head has dashes."""
    names = [cell.name for cell in study.cells]
    return [(probe, make_table(probe.head, _tested(probe, runs), names)) for probe in study.probes]


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
        figures = summarise(_tested(probe, runs)).get(probe.head, {})
        content[probe.name] = {"head": probe.head, **settings, "rows": figures}

    return json.loads(json.dumps(content))


def _tested(probe: Probe, runs: Sequence[Run]) -> list[TestedHead]:
    tested = []
    for run in runs:
        if is_done(run, probe):
            content = json_files.read_object(_evaluation(run, probe), remedy="; delete it")
            # A head that is tested once has no best epoch.
            states = ("last", "best") if HEADS[probe.head].tests_each_epoch else ("last",)
            figures = {when: content[when] for when in states if content[when]}
            tested.append(TestedHead(probe.head, run.cell.name, run.seed, figures))

    return tested


def _place(run: Run, probe: Probe) -> Path:
    return inside(run.folder, _FOLDER, probe.folder)


def _evaluation(run: Run, probe: Probe) -> Path:
    return _place(run, probe) / "head" / EVALUATION
