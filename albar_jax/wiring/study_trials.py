"""Records the trials of studies, and writes the record as a table."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.evaluation.counts import read_left_out
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.evaluation.results import row_figures
from albar_jax.files import write_text
from albar_jax.storage.inside import inside
from albar_jax.studies import Run, trials
from albar_jax.studies.trials import Outcome, Trial
from albar_jax.terminal.escapes import shell_line, show
from albar_jax.wiring import costs, study_origin, trials_table
from albar_jax.wiring.study_request import StudyRequest

_PAGE = "trials.md"


def record_begin(request: StudyRequest, run: Run) -> None:
    """Records that the training of a run begins, unless it resumes from a checkpoint."""
    # A run that resumes is the same trial.
    if not (run.folder / "checkpoints").is_dir():
        _record(request, run, "begun")


def record_end(request: StudyRequest, run: Run) -> None:
    """Records that a run has been trained and tested, once.

    A run that was tested before the record existed, or whose process was killed just then, is
    recorded when a study next meets it.
    """
    outcomes = [trial.outcome for trial in trials.read(request.workdir) if _is_of(trial, run)]
    # A deleted run that was trained again has a line "begun" after the line "finished".
    if outcomes[-1:] != ["finished"]:
        _record(request, run, "finished")


def record_failure(request: StudyRequest, run: Run, error: Exception) -> None:
    """Records that the training or the test of a run failed."""
    _record(request, run, "failed", error=str(error))


def _is_of(trial: Trial, run: Run) -> bool:
    return trial.run == run.folder.name


def _record(request: StudyRequest, run: Run, outcome: Outcome, error: str = "") -> None:
    figures: Mapping[str, float | None] = {}
    if outcome == "finished":
        figures = row_figures(request.study.suite, predictions_of(run))

    # A run that failed early has no summary.
    summary = run.summary
    now = datetime.datetime.now(datetime.UTC)
    trial = Trial(
        time=now.isoformat(timespec="seconds"),
        outcome=outcome,
        run=run.folder.name,
        study=request.folder.name,
        row=run.cell.name,
        seed=run.seed,
        data=run.config.data.manifest,
        commit=", ".join(study_origin.commits_of(run)),
        recipe=run.recipe,
        figures=figures,
        steps=summary.get("step", 0),
        cost_plain_steps=_cost(request, run),
        seconds=summary.get("seconds_total"),
        error=error,
    )
    trials.append(request.workdir, trial)


def _cost(request: StudyRequest, run: Run) -> float | None:
    """Returns the cost of a run in plain steps; None without a run of plain training."""
    plain = [other for other in request.plain_runs if other.is_trained]
    trainings = [(parse(each.config), each.summary) for each in (run, *plain)]
    return costs.plain_steps(trainings)[0]


def predictions_of(run: Run) -> dict[str, Predictions]:
    """Reads the predictions of a run, by task."""
    predictions = {task: read_predictions(path) for task, path in run.predictions.items()}
    return read_left_out(run.folder / "predictions", predictions)


def write_page(workdir: Path) -> int:
    """Writes the record of a folder of studies as trials.md; returns the exit status.

    Raises:
      UserError: the folder has no record.
    """
    record = trials.read(workdir)
    if not record:
        raise UserError(
            f"{workdir} has no {trials.FILE}; a study writes it when its first run begins"
        )
    command = shell_line(["albar", "study", "--workdir", str(workdir), "--trials"])
    path = inside(workdir, _PAGE)
    write_text(path, trials_table.page(record, command, study_origin.commit()))
    show(f"runs: {trials_table.counts(record)}; the table: {path}")
    return 0


def counts(workdir: Path, names: Sequence[str]) -> str:
    """Describes the trials of some runs, by the names of their folders; "" without a record."""
    # Studies that share a folder share its record.
    wanted = set(names)
    record = [trial for trial in trials.read(workdir) if trial.run in wanted]
    return trials_table.counts(record) if record else ""
