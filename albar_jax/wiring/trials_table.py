"""Formats the record of all trials as a page: one line for each recipe, data set and purpose."""

import collections
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from albar_jax.evaluation import averages
from albar_jax.report import cells, tables
from albar_jax.studies.seeds import purpose_of
from albar_jax.studies.trials import Trial
from albar_jax.terminal.escapes import markdown_text


@dataclasses.dataclass(frozen=True)
class _Group:
    """The trials of one recipe on one kind of data, for one purpose.

    Attributes:
      trials: lines of the record, oldest first.
    """

    trials: list[Trial]

    def last_of_runs(self) -> list[Trial]:
        """Returns the last line of each run, by seed."""
        # Later lines of a run replace earlier ones.
        last = {trial.run: trial for trial in self.trials}
        return sorted(last.values(), key=lambda trial: trial.seed)

    def finished(self) -> list[Trial]:
        """Returns the last line with figures of each run, by seed.

        A run that was deleted and is not finished again keeps its figures.
        """
        return _Group([t for t in self.trials if t.outcome == "finished"]).last_of_runs()

    def seeds(self) -> str:
        """Returns the seeds, with what happened to the runs that are not finished once."""
        # A deleted run may have been trained again.
        times = collections.Counter(t.run for t in self.trials if t.outcome == "finished")
        parts = []
        for trial in self.last_of_runs():
            state = {"begun": "unfinished", "failed": "failed", "finished": ""}[trial.outcome]
            if state and times[trial.run]:
                state += ", finished before"
            if not state and times[trial.run] > 1:
                state = f"{times[trial.run]} times"
            parts.append(f"{trial.seed} ({state})" if state else str(trial.seed))
        return ", ".join(parts)

    def figure(self, row: str) -> str:
        """Returns mean ± sd of a row over the finished runs."""
        figures = [trial.figures.get(row) for trial in self.finished()]
        if not figures:
            return cells.MISSING
        return cells.mean_and_sd(averages.mean(figures), averages.sd(figures))


def _data_of(trial: Trial) -> str:
    """Returns the manifest of a trial without its seed."""
    return trial.data.replace(f"seed{trial.seed}", "seedN")


def _grouped(record: Sequence[Trial]) -> list[_Group]:
    groups: dict[tuple[str, ...], list[Trial]] = {}
    for trial in record:
        recipe = json.dumps(trial.recipe, sort_keys=True)
        # Figures of both kinds of seeds are never averaged together.
        key = (recipe, _data_of(trial), purpose_of([trial.seed]))
        groups.setdefault(key, []).append(trial)
    return [_Group(trials) for trials in groups.values()]


def counts(record: Sequence[Trial]) -> str:
    """Counts the runs of a record by what happened last, `10 finished, 1 failed, 1 unfinished`."""
    last = {trial.run: trial.outcome for trial in record}
    number = collections.Counter(last.values())
    text = f"{number['finished']} finished"
    for outcome, name in (("failed", "failed"), ("begun", "unfinished")):
        if number[outcome]:
            text += f", {number[outcome]} {name}"
    return text


def _shared(record: Sequence[Trial]) -> dict[str, Any]:
    """Returns the fields that all trials have with the same value."""
    shared = dict(record[0].recipe)
    for trial in record:
        for field in list(shared):
            if field not in trial.recipe or trial.recipe[field] != shared[field]:
                shared.pop(field)
    shared.pop("methods", None)
    return shared


def _recipe_text(recipe: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    own = [f"{name}={value}" for name, value in recipe.items() if name not in shared]
    return ", ".join(own).replace("methods=", "", 1)


def page(record: Sequence[Trial], command: str, commit: str) -> str:
    """Returns the page.

    Args:
      record: the record; at least one line.
      command: the command that writes the page.
      commit: the commit that writes it.
    """
    # Fields that never differ would hide the ones that do.
    shared = _shared(record)
    rows: dict[str, None] = {}
    for trial in record:
        rows |= dict.fromkeys(trial.figures)
    header = ["Recipe", "Study: row", "Data", "For", "Seeds", "Steps", "Cost (plain steps)"]
    lines = [_line(group, list(rows), shared) for group in _grouped(record)]

    text = (
        f"# All trials\n\nRuns: {counts(record)}. Figures are mean ± sd over seeds, in percent.\n\n"
    )
    text += tables.markdown_table([*header, *rows, "Trained at"], lines)
    for trial in record:
        if trial.outcome == "failed":
            text += f"\nFailed: {markdown_text(f'{trial.row}, seed {trial.seed}: {trial.error}')}\n"
    if shared:
        text += f"\nAll recipes: {markdown_text(_recipe_text(shared, {}))}.\n"
    code = command.replace("`", "'")
    return f"{text}\n<sub>`{code}`, commit {markdown_text(commit)}.</sub>\n"


def _line(group: _Group, rows: Sequence[str], shared: Mapping[str, Any]) -> list[str]:
    # Lines of runs that are not finished have no steps and no cost.
    last = (group.finished() or group.last_of_runs())[-1]
    cost = cells.MISSING
    if last.cost_plain_steps is not None:
        cost = f"{last.cost_plain_steps:.0f}"
    commits = dict.fromkeys(trial.commit for trial in group.trials if trial.commit)

    return [
        _recipe_text(last.recipe, shared),
        f"{last.study}: {last.row}",
        _data_of(last),
        purpose_of([last.seed]),
        group.seeds(),
        str(last.steps),
        cost,
        *map(group.figure, rows),
        ", ".join(commits),
    ]
