"""Reads what the command line of `albar study` asks for: a study, its runs, and their seeds."""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

from albar_jax.config import Config, config_files, differences, may_change_on, parse
from albar_jax.errors import UserError
from albar_jax.schema.changes import without
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside
from albar_jax.studies import Run, Study, list_plain_runs, list_runs, read_study
from albar_jax.studies.seeds import Purpose, purpose_of, read_seeds
from albar_jax.terminal import config_changes
from albar_jax.terminal.escapes import shell_line
from albar_jax.wiring import study_origin, study_probes, study_start

# The file in the folder of a run that holds its config.
CONFIG = "config.json"
# Number of characters of a study's argument in the name of its folder.
_LONGEST_ARGUMENT = 80


@dataclasses.dataclass(frozen=True)
class StudyRequest:
    """A request for the table of a study, as the command line describes it.

    Attributes:
      study: the study.
      runs: its runs.
      folder: folder of its table.
      command: the command line.
      workdir: folder of all studies.
      plain_runs: runs of plain training with the settings of the rows, which give the cost of a
        plain step; one for each row and seed, if there is such a recipe.
    """

    study: Study
    runs: tuple[Run, ...]
    folder: Path
    command: str
    workdir: Path
    plain_runs: tuple[Run, ...] = ()

    @property
    def cell_names(self) -> list[str]:
        """Names of the rows of the table, in order."""
        return [cell.name for cell in self.study.cells]

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs, in order."""
        return list(dict.fromkeys(run.seed for run in self.runs))

    @property
    def purpose(self) -> Purpose:
        """Purpose of the seeds."""
        return purpose_of(self.seeds)

    @property
    def finished(self) -> list[Run]:
        """Runs that are trained and have predictions for a task of the suite."""
        tasks = set(self.study.suite.tasks)
        return [run for run in self.runs if run.is_trained and set(run.predictions) & tasks]

    def tested_config(self, run: Run) -> Config:
        """Returns the config to test a run with: its own, with the suite of the study."""
        config = parse(run.config)
        tests = dataclasses.replace(config.eval, suite=self.study.suite.name)
        return dataclasses.replace(config, eval=tests)


def read_request(
    config: str,
    workdir: str,
    seeds: str | None,
    settings: Sequence[str],
    *,
    for_report: bool = False,
) -> StudyRequest:
    """Returns the study and the runs that the command line asks for.

    Args:
      config: the file of a study, or its bare name; see `config.config_files`. An argument of its
        `get_study` follows a colon.
      workdir: folder for the runs and the tables.
      seeds: training seeds, joined by commas; None are the default ones.
      settings: changes of every config, FIELD=VALUE.
      for_report: whether the figures are for a report.

    Raises:
      UserError: the study, a seed or a setting is not valid, or the code of a report is not
        committed.
    """
    numbers = read_seeds(seeds, for_report=for_report)
    # The commit is read before the checkout can move.
    running = study_origin.commit()
    # The argument may have colons of its own.
    name, *argument = config.split(":", 1)
    path = config_files.find(name, "studies")
    if for_report:
        study_origin.check_committed(running, path)
    study = read_study(str(path), *argument)
    study_probes.check_recipes(study.probes)
    changes = dict(map(config_changes.parse, settings))
    runs = list_runs(study, numbers, Path(workdir), changes)
    for run in runs:
        check_same_config(run)
        study_start.check(run)

    words = ["--config", config, "--workdir", workdir]
    # The table states this command, which has to give the same seeds when the defaults change.
    if seeds is not None or not for_report:
        words += ["--seeds", ",".join(map(str, numbers))]
    if for_report:
        words.append("--report")
    for setting in settings:
        words.append(f"--config.{setting}")
    command = shell_line(["albar", "study", *words])
    folder = inside(workdir, _folder_name(path, numbers, *argument))
    plain_runs = list_plain_runs(runs, Path(workdir))
    return StudyRequest(study, tuple(runs), folder, command, Path(workdir), tuple(plain_runs))


def _folder_name(path: Path, seeds: Sequence[int], argument: str = "") -> str:
    """Returns the folder of the table of NAME:ARGUMENT: `NAME_ARGUMENT`, without slashes.

    The table of a report has another one, so that it does not replace the table of the choices.
    """
    # The end of a path tells more than its beginning.
    safe = re.sub(r"[^\w.+-]+", "_", argument)[-_LONGEST_ARGUMENT:].strip("_")
    name = f"{path.stem}_{safe}" if safe else path.stem

    if purpose_of(seeds) == "reports":
        name += "_report"
    return name


def check_same_config(run: Run) -> None:
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


def saved_config(run: Run) -> dict:
    """Returns the config of a run as it is saved: without what may differ between studies."""
    content = json.loads(run.config.to_json_best_effort())
    return without(content, may_change_on("study"))
