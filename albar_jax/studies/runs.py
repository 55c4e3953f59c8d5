"""The runs of a study: their folders, their state, and the locks of the processes that train them.

The folder of a run is named by its config, not by its study. So studies that share a recipe share
its runs.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import lasting, method_options, names_of_0_1
from albar_jax.schema.changes import flatten
from albar_jax.storage import seals
from albar_jax.storage.inside import inside
from albar_jax.storage.lock import FILE, HeldError, holder, locked, working_in
from albar_jax.studies.base import Cell, Study
from albar_jax.studies.seeds import refuse_reports
from albar_jax.train.run_summary import read_summary

# The method of plain training.
_PLAIN = "ce"
# Fields that differ between runs of one recipe, or follow from its methods.
_NO_RECIPE = {"name", "seed", "data.manifest"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A cell of a study with a seed.

    Attributes:
      number: index in the list of all runs, from 0; the `--cell` of array jobs.
      cell: its recipe.
      seed: its seed.
      config: its config.
      folder: its --workdir.
    """

    number: int
    cell: Cell
    seed: int
    config: ConfigDict
    folder: Path

    def __str__(self) -> str:
        return f"{self.cell.name}, seed {self.seed}"

    @property
    def summary(self) -> Mapping[str, Any]:
        """The summary that training has written; {} until it has finished or was stopped."""
        return read_summary(self.folder)

    @property
    def is_trained(self) -> bool:
        """True after training has finished."""
        # The summary of a run that was stopped has fewer steps than planned.
        summary = self.summary
        return bool(summary) and summary["step"] >= summary["num_steps"]

    @property
    def recipe(self) -> dict[str, Any]:
        """The names of the methods, and the fields that differ from the defaults, but no data.

        Runs of one recipe differ in their seeds and videos only.
        """
        usual = flatten(_defaults(self.config, self.cell.defaults()).to_dict())
        recipe: dict[str, Any] = {"methods": "+".join(sorted(self.config.methods))}
        for field, value in lasting(self.config.to_dict()).items():
            is_default = field in usual and usual[field] == value
            if field not in _NO_RECIPE and not is_default:
                recipe[field] = value
        return recipe

    @property
    def encoder_digits(self) -> str:
        """Digits that identify the weights of the best checkpoint; "" if it was deleted."""
        step = str(self.summary.get("best_step"))
        sums = self.folder / "checkpoints" / step / seals.FILE
        if not sums.exists():
            return ""
        return hashlib.sha256(sums.read_bytes()).hexdigest()[:16]

    @property
    def predictions(self) -> dict[str, Path]:
        """The existing prediction files, by task."""
        paths = sorted((self.folder / "predictions").glob("*.csv"))
        return {path.stem: path for path in paths}

    @property
    def is_busy(self) -> bool:
        """True while a process works on the run."""
        return holder(self.folder / FILE) is not None

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Locks the run and yields True; yields False if another process works on it."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(working_in(self.folder, "--workdir"))
                is_ours = True
            except HeldError:
                is_ours = False

            yield is_ours


@contextlib.contextmanager
def alone(path: Path, is_stopped: Callable[[], object] | None = None) -> Iterator[None]:
    """Waits until no other process is in this context for the same path.

    The lock is a file in the folder of `path`, which is created if needed.

    Args:
      path: the path.
      is_stopped: returns whether to give up. Without it, signals that are only noted do not end
        the wait.

    Raises:
      HeldError: it gave up.
    """
    # The lock cannot lie in the folder that it protects, which may not exist yet.
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}{FILE}")
    with contextlib.ExitStack() as stack:
        is_ours = False
        while not is_ours:
            try:
                stack.enter_context(locked(lock, wait=is_stopped is None))
                is_ours = True
            # It has waited for a moment.
            except HeldError:
                if is_stopped is not None and is_stopped():
                    raise

        yield


def list_runs(
    study: Study, seeds: Sequence[int], workdir: Path, changes: Mapping[str, Any]
) -> list[Run]:
    """Lists all runs of the study, seed by seed, so that a first table is soon complete.

    Args:
      study: the study.
      seeds: seeds of each cell.
      workdir: folder of all studies.
      changes: other values of fields, by their dotted names.

    Raises:
      UserError: a config is invalid, or the study chooses and the seeds are for reports.
    """
    if study.is_choice:
        refuse_reports(seeds, study.title)

    # Seeds are the outer loop: all rows of the table have a run before any has two.
    runs: list[Run] = []
    for seed in seeds:
        for cell in study.cells:
            config = cell.config(seed, changes)
            folder = _folder(config, cell, seed, workdir)
            runs.append(Run(len(runs), cell, seed, config, folder))

    return runs


def list_plain_runs(runs: Sequence[Run], workdir: Path) -> list[Run]:
    """Lists the runs of plain training with the fields of other runs, each once.

    They need not be runs of the study: other studies may have trained them.

    Args:
      runs: runs of a study.
      workdir: folder of all studies.
    """
    plain_runs: dict[Path, Run] = {}
    for run in runs:
        config = run.config.copy_and_resolve_references()
        with config.unlocked():
            config.methods = method_options(_PLAIN)
            config.name = _PLAIN
        folder = _folder(config, run.cell, run.seed, workdir)
        plain_runs.setdefault(folder, dataclasses.replace(run, config=config, folder=folder))

    return list(plain_runs.values())


def _folder(config: ConfigDict, cell: Cell, seed: int, workdir: Path) -> Path:
    digits = fingerprint(config, cell.defaults())
    return inside(workdir, "runs", f"{config.name}_seed{seed}_{digits}")


def _defaults(config: ConfigDict, defaults: ConfigDict) -> ConfigDict:
    """Returns the defaults with the options of a config's methods, also at their defaults."""
    # The base config has the options of ALBAR.
    defaults = defaults.copy_and_resolve_references()
    defaults.methods = method_options(*config.methods)
    return defaults


def fingerprint(config: ConfigDict, defaults: ConfigDict) -> str:
    """Returns eight digits that identify the config, except for fields that change no result.

    Fields with their default are ignored, so that new fields do not rename folders.
    """
    defaults = _defaults(config, defaults)

    # Renamed fields keep their old names here, so that the folders of older runs are found.
    usual = names_of_0_1(flatten(defaults.to_dict()), config.batch_size)
    chosen = names_of_0_1(lasting(config.to_dict()), config.batch_size)

    changed = {}
    for key, value in chosen.items():
        is_default = key in usual and usual[key] == value
        # The name follows from the methods.
        if key != "name" and not is_default:
            changed[key] = value

    # Methods count even if all of their options have the defaults.
    content = json.dumps([sorted(config.methods), changed], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]
