"""The runs of a study, where each lies, and who is at work on it.

The folder of a run is named by what is trained there, not by who asked: studies that share a recipe share its runs.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import method_options
from albar_jax.schema.changes import flatten, lasting
from albar_jax.storage.inside import inside
from albar_jax.storage.lock import FILE, HeldError, holder, locked, working_in
from albar_jax.studies.base import Cell, Study
from albar_jax.train.run_summary import read_summary


@dataclasses.dataclass(frozen=True)
class Run:
    """A cell with a seed.

    Attributes:
      number: its place in the list of all, from 0: what array jobs call it by.
      cell: its recipe.
      seed: its seed.
      config: the experiment.
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
        """What training has written of how it went; {} before it has ended or was stopped."""
        return read_summary(self.folder)

    @property
    def is_trained(self) -> bool:
        """Whether training has come to its end."""
        summary = self.summary
        return bool(summary) and summary["step"] >= summary["num_steps"]

    @property
    def predictions(self) -> dict[str, Path]:
        """The files of answers that are there, by task."""
        return {path.stem: path for path in sorted((self.folder / "predictions").glob("*.csv"))}

    @property
    def is_busy(self) -> bool:
        """Whether some process is at work on the run."""
        return holder(self.folder / FILE) is not None

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Locks the run and yields True; yields False if another process works on it."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(working_in(self.folder, "--workdir"))
                ours = True
            except HeldError:
                ours = False
            yield ours


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until no other process is in such a context of this path, whose lock is a file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}{FILE}"), wait=True):
        yield


def list_runs(
    study: Study, seeds: Sequence[int], workdir: Path, changes: Mapping[str, Any]
) -> list[Run]:
    """All runs of the study: every cell with the first seed, then with the next, so that there is soon a table.

    Raises:
      UserError: for a config that is not right.
    """
    found = []
    for seed in seeds:
        for cell in study.cells:
            config = cell.config(seed, changes)
            folder = inside(
                workdir, "runs", f"{config.name}_seed{seed}_{_fingerprint(config, cell.defaults())}"
            )
            found.append(Run(len(found), cell, seed, config, folder))
    return found


def _fingerprint(config: ConfigDict, defaults: ConfigDict) -> str:
    """Returns eight digits that identify the config, except for fields that change no result.

    Fields at their defaults are ignored, so that new fields do not rename folders.
    """
    defaults = defaults.copy_and_resolve_references()
    defaults.methods = method_options(*config.methods)
    usual = flatten(defaults.to_dict())
    lasts = lasting(config.to_dict())
    said = {
        key: value
        for key, value in lasts.items()
        if key != "name" and (key not in usual or usual[key] != value)
    }
    return hashlib.sha256(
        json.dumps([sorted(config.methods), said], sort_keys=True).encode()
    ).hexdigest()[:8]
