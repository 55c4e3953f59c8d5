"""`albar study`: trains and evaluates every unfinished run of a study, then writes its table."""

import re
from collections.abc import Sequence
from pathlib import Path

import jax

from albar_jax.config import config_files, differences
from albar_jax.errors import UserError
from albar_jax.files import make_folder
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside
from albar_jax.studies import Run, Study, list_runs, read_study
from albar_jax.terminal import config_changes
from albar_jax.terminal.escapes import shell_line, show
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import study_origin, study_probes, study_start, study_table
from albar_jax.wiring.study_progress import CONFIG, Progress, is_evaluated, saved_config
from albar_jax.wiring.study_table import StudyRequest

# Number of characters of a study's argument in the name of its folder.
_LONGEST_ARGUMENT = 80


def read_request(
    config: str, workdir: str, seeds: Sequence[str], settings: Sequence[str]
) -> StudyRequest:
    """Returns the study and the runs that the command line asks for.

    Args:
      config: the file of a study, or its bare name; see `config.config_files`. An argument of its
        `get_study` follows a colon.
      workdir: folder for the runs and the tables.
      seeds: training seeds, as text.
      settings: changes of every config, FIELD=VALUE.

    Raises:
      UserError: the study, a seed or a setting is not valid.
    """
    if not seeds or not all(seed.isdecimal() for seed in seeds) or len(set(seeds)) < len(seeds):
        raise UserError(
            f"--seeds is {','.join(seeds)!r}; it is different numbers from 0, as in --seeds 0,1,2"
        )

    # The commit is read before the checkout can move.
    study_origin.commit()
    name, *argument = config.split(":", 1)
    path = config_files.find(name, "studies")
    study = read_study(str(path), *argument)
    study_probes.check_recipes(study.probes)
    changes = dict(map(config_changes.parse, settings))
    runs = list_runs(study, [int(seed) for seed in seeds], Path(workdir), changes)
    for run in runs:
        _check_same_config(run)
        study_start.check(run)

    words = ["--config", config, "--workdir", workdir, "--seeds", ",".join(seeds)]
    for setting in settings:
        words.append(f"--config.{setting}")
    command = shell_line(["albar", "study", *words])
    folder = inside(workdir, _folder_name(path, *argument))
    return StudyRequest(study, tuple(runs), folder, command)


def _folder_name(path: Path, argument: str = "") -> str:
    """Returns the folder of the table of NAME:ARGUMENT: `NAME_ARGUMENT`, without slashes."""
    # The end of a path tells more than its beginning.
    safe = re.sub(r"[^\w.+-]+", "_", argument)[-_LONGEST_ARGUMENT:].strip("_")
    return f"{path.stem}_{safe}" if safe else path.stem


def _check_same_config(run: Run) -> None:
    """Raises UserError if a default has changed since the run was trained.

    A field that did not exist then had its default.
    """
    path = run.folder / CONFIG
    if not path.exists():
        return
    saved = json_files.read_object(path, remedy="; move it away")
    lines = differences(saved, saved_config(run))
    changed = [line for line in lines if "(absent)" not in line]
    if changed:
        raise UserError(
            f"{run.folder} was trained with another default: {changed[0]}; move it away, or undo "
            "the change"
        )


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
