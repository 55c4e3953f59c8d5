"""What a study leaves: table.md, results.json, page.html and pictures, of the runs that are there."""

import dataclasses
import functools
import importlib.metadata
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import jax

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.evaluation import results
from albar_jax.evaluation.counts import read_left_out
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.files import read_text, write_text
from albar_jax.report import html_page, outputs, tables
from albar_jax.report.html_page import ReportData
from albar_jax.storage.class_names import read_class_list
from albar_jax.studies import Run, Study
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.train.run_log import read_history
from albar_jax.wiring import costs, publish

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Order:
    """What to do: a study with its runs, the folder of its table, and the command that asks for it."""

    study: Study
    runs: tuple[Run, ...]
    folder: Path
    command: str


def write(order: Order) -> None:
    """Writes the table and the page of the finished runs; rows without any are dashes."""
    there = [
        run
        for run in order.runs
        if run.is_trained and set(run.predictions) & set(order.study.suite.tasks)
    ]
    if not there:
        show("no table: no run has been trained and tested yet")
        return
    suite = order.study.suite
    summaries = results.summarise(suite, _model_runs(order, there))
    by_name = {summary.name: summary for summary in summaries}
    ordered = [by_name[cell.name] for cell in order.study.cells if cell.name in by_name]
    data = _report_data(order, there, ordered)
    origin = _origin(order, there)
    rows = [
        by_name.get(cell.name) or results.nothing(suite, cell.name) for cell in order.study.cells
    ]
    drawn = {name: picture(ordered) for name, picture in order.study.pictures.items()}
    drawn = {name: svg for name, svg in drawn.items() if svg is not None}
    for name, svg in drawn.items():
        write_text(order.folder / name, svg)
    notes = [*data.notes, *tables.unpaired(suite, ordered)]
    text = f"# {order.study.title}\n\n{tables.markdown(suite, rows)}"
    text += "".join(f"\n{markdown_text(note)}\n" for note in notes)
    text += "".join(
        f"\n![{name.removesuffix('.svg').replace('_', ' ')}]({name})\n" for name in drawn
    )
    write_text(order.folder / "table.md", f"{text}\n{_in_words(origin)}\n")
    content = outputs.to_json(data) | {"study": origin}
    write_text(order.folder / "results.json", json.dumps(content, indent=2, allow_nan=False) + "\n")
    html_page.write(order.folder / "report.html", data)
    show(*tables.console(suite, rows).splitlines())
    for note in notes:
        show(note)
    show(f"the table: {order.folder / 'table.md'}; the page: {order.folder / 'report.html'}")


def _model_runs(order: Order, runs: Sequence[Run]) -> list[results.ModelRun]:
    facts = [run.summary for run in runs]
    found = costs.plain_steps(
        [(parse(run.config), fact) for run, fact in zip(runs, facts, strict=True)]
    )
    tested = [_tested(order, run) for run in runs]
    return [
        results.ModelRun(
            name=run.cell.name,
            seed=run.seed,
            checkpoint_step=fact["best_step"],
            predictions=_predictions(run),
            history=read_history(run.folder),
            cost_plain_steps=cost,
            train_seconds=fact["seconds_total"],
            views={task: wiring.views_in_words(config, task) for task in run.predictions},
        )
        for run, fact, cost, config in zip(runs, facts, found, tested, strict=True)
    ]


def _predictions(run: Run) -> dict[str, Predictions]:
    answers = {task: read_predictions(path) for task, path in run.predictions.items()}
    return read_left_out(run.folder / "predictions", answers)


def _tested(order: Order, run: Run) -> Config:
    """Returns the config with which a run was tested."""
    config = parse(run.config)
    return dataclasses.replace(
        config, eval=dataclasses.replace(config.eval, suite=order.study.suite.name)
    )


def _report_data(
    order: Order, there: Sequence[Run], summaries: Sequence[results.ModelSummary]
) -> ReportData:
    suite = order.study.suite
    classes = read_class_list(there[0].folder / "predictions" / "classes.txt").names
    # The page shows clips of the first seed of each model; where each seed has videos of its own, of one seed's alone.
    first = next(run for run in there if run.cell.name == summaries[0].name)
    config = _tested(order, first)
    shares = len({run.config.data.manifest for run in there}) == 1
    pasted = publish.foregrounds(config, classes) if shares else None
    return ReportData(suite, summaries, classes, publish.clip_reader(config, classes), pasted)


def note_origin(run: Run) -> None:
    """Adds the commit and the device to those that a run was trained at and on, if they are not the last."""
    for name, now in (("commits.txt", commit()), ("devices.txt", jax.devices()[0].device_kind)):
        path = run.folder / name
        before = _lines(path)
        if before[-1:] != [now]:
            write_text(path, "".join(f"{line}\n" for line in (*before, now)))


def _lines(path: Path) -> list[str]:
    return read_text(path, remedy="; delete it").splitlines() if path.exists() else []


@functools.cache  # What runs is what was imported, whatever happens to the checkout meanwhile.
def commit() -> str:
    """The commit of the checkout that runs, with a + if it has changes; without one, the version."""
    try:
        head, changes = (
            subprocess.run(
                ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout
            for arguments in (
                ["rev-parse", "--short", "HEAD"],
                ["status", "--porcelain", "--", "albar_jax", "configs"],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        try:
            return f"version {importlib.metadata.version('albar_jax')}"
        except importlib.metadata.PackageNotFoundError:  # a copied folder
            return "unknown"
    return f"{head.strip()}{'+' if changes else ''}"


def _origin(order: Order, there: Sequence[Run]) -> dict:
    """Where the figures are from."""
    commits, devices = (
        list(dict.fromkeys(line for run in there for line in _lines(run.folder / name)))
        for name in ("commits.txt", "devices.txt")
    )
    seconds = sum(run.summary["seconds_total"] + run.summary["seconds_compiling"] for run in there)
    return {
        "command": order.command,
        "trained_at": commits,
        "written_at": commit(),
        "runs": len(order.runs),
        "runs_done": len(there),
        "train_seconds": seconds,
        "jax": jax.__version__,
        "devices": devices,
    }


def _in_words(origin: dict) -> str:
    command = origin["command"].replace("`", "'")
    commits, devices = (
        markdown_text(", ".join(origin[name])) for name in ("trained_at", "devices")
    )
    return (
        f"<sub>`{command}`: {origin['runs_done']} of {origin['runs']} runs, trained at commit {commits} in "
        f"{in_words(origin['train_seconds'])} with compiling, on {devices}; table of commit {origin['written_at']}, "
        f"JAX {origin['jax']}.</sub>"
    )


def in_words(seconds: float) -> str:
    """A time for people: 45 s, 12 min, 3 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
