"""`albar study`: trains and evaluates every unfinished run of a study, then writes its table."""

from collections.abc import Sequence
from pathlib import Path

import jax

from albar_jax.errors import UserError
from albar_jax.files import make_folder
from albar_jax.studies import Run, Study
from albar_jax.terminal.escapes import show
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import study_probes, study_table
from albar_jax.wiring.study_progress import Progress, is_evaluated
from albar_jax.wiring.study_request import StudyRequest


def list_states(request: StudyRequest) -> int:
    """Prints the number, the state and the folder of each run; returns the exit status."""
    for run in request.runs:
        show(f"{run.number:>3}  {str(run):<28} {_state(run, request.study):<24} {run.folder}")
    return 0


def _state(run: Run, study: Study) -> str:
    if run.is_busy:
        return "at work"
    if run.is_trained:
        return "done" if is_evaluated(run, study) else "trained"
    return "begun" if (run.folder / "checkpoints").is_dir() else "not begun"


def write_table(request: StudyRequest) -> int:
    """Writes the table of the finished runs; returns the exit status."""
    study_table.write(request)
    return 0


def run(request: StudyRequest, cell: int | None) -> int:
    """Trains and evaluates the runs of a study and writes the table; returns the exit status.

    Args:
      request: the study and its runs, from `read_request`.
      cell: the number of the only run to do; None does all.

    Raises:
      UserError: there is no run of this number, or a data set is missing.
    """
    if cell is not None and not 0 <= cell < len(request.runs):
        raise UserError(
            f"--cell is {cell}, but the study has {len(request.runs)} runs, 0 to "
            f"{len(request.runs) - 1}"
        )
    if jax.process_count() > 1:
        raise UserError(
            "each run of a study is trained by one process; start `albar study` separately on each "
            "host"
        )

    runs = request.runs if cell is None else request.runs[cell : cell + 1]
    make_folder(request.folder, "--workdir")
    _check_data(request.study, runs)
    with StopRequest() as stop:
        progress = Progress(request, stop)
        progress.work(runs, wait=cell is None)
        study_table.write(request)

    if stop.signal_name:
        done = sum(run.is_trained for run in request.runs)
        show(
            f"stopped by {stop.signal_name} with {done} of {len(request.runs)} runs trained; "
            "repeat the command to resume"
        )
        return stop.status

    for failed, error in progress.failed.items():
        show(f"failed: {failed}: {error}")
    return 2 if progress.failed else 0


def _check_data(study: Study, runs: Sequence[Run]) -> None:
    """Raises UserError for a missing manifest now, not after days of earlier runs."""
    if study.prepare is not None:
        return
    for run in runs:
        manifest = run.config.data.manifest
        if not run.is_trained and not Path(manifest).exists():
            raise UserError(f"{manifest} does not exist; make it with: {study.data}")
    study_probes.check_data(runs, study.probes)
