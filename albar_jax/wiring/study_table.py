"""Writes the results of a study: table.md, results.json, report.html and images."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.evaluation.counts import read_left_out
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.evaluation.results import ModelRun, Results, summarise
from albar_jax.files import write_text
from albar_jax.report import html_page, outputs, tables
from albar_jax.report.json_content import to_json
from albar_jax.report.report_data import ReportData
from albar_jax.storage import class_names
from albar_jax.storage.class_names import read_class_list
from albar_jax.studies import Run, Study
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.train.run_log import read_history
from albar_jax.wiring import costs, report_videos, study_origin, study_probes


@dataclasses.dataclass(frozen=True)
class StudyRequest:
    """A request for the table of a study, as the command line describes it.

    Attributes:
      study: the study.
      runs: its runs.
      folder: folder of its table.
      command: the command line.
    """

    study: Study
    runs: tuple[Run, ...]
    folder: Path
    command: str

    @property
    def cell_names(self) -> list[str]:
        """Names of the rows of the table, in order."""
        return [cell.name for cell in self.study.cells]

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


def write(request: StudyRequest) -> None:
    """Writes and prints the results of the finished runs; a row without a run has dashes."""
    finished = request.finished
    if not finished:
        show("no table: no run has been trained and tested yet")
        return

    # The page shows only models with runs; the tables have a row for each cell of the study.
    results = summarise(request.study.suite, _model_runs(request, finished))
    data = _report_data(request, finished, results.select(request.cell_names))
    with_dashes = results.complete(request.cell_names)
    origin = study_origin.origin_of(request.command, len(request.runs), finished)

    pictures = _write_pictures(request, data.results)
    heads = study_probes.tables(request.study, finished)
    _write_table(request, data, with_dashes, study_probes.as_markdown(heads), pictures, origin)
    content = to_json(data) | {"study": origin}
    if request.study.probes:
        content["downstream"] = study_probes.as_json(request.study, finished)
    outputs.write_json(request.folder / "results.json", content)
    html_page.write(request.folder / "report.html", data)

    show(*tables.console(with_dashes).splitlines())
    for probe, table in heads:
        show("", probe.title, *table.console().splitlines())
    show(*data.notes)
    show(f"the table: {request.folder / 'table.md'}; the page: {request.folder / 'report.html'}")


def _write_pictures(request: StudyRequest, results: Results) -> list[str]:
    """Writes the images that can be drawn and returns their file names."""
    # All images are drawn before the first is written, so that an error leaves no new files.
    svg_of = {}
    for name, draw in request.study.pictures.items():
        svg = draw(results.summaries)
        if svg is not None:
            svg_of[name] = svg

    for name, svg in svg_of.items():
        write_text(request.folder / name, svg)

    return list(svg_of)


def _write_table(
    request: StudyRequest,
    data: ReportData,
    with_dashes: Results,
    heads: str,
    pictures: Sequence[str],
    origin: dict[str, Any],
) -> None:
    """Writes table.md: title, tables, notes, images, origin.

    Args:
      request: the study and its runs.
      data: content of the page.
      with_dashes: results with all rows.
      heads: the tables of downstream tasks, as Markdown.
      pictures: file names.
      origin: origin of the figures.
    """
    text = f"# {request.study.title}\n{heads}" if heads else f"# {request.study.title}\n"
    if heads:
        text += "\n## The encoders\n"
    text += f"\n{tables.markdown(with_dashes)}"
    for note in data.notes:
        text += f"\n{markdown_text(note)}\n"
    for name in pictures:
        # The title is the alternative text of the image.
        title = name.removesuffix(".svg").replace("_", " ")
        text += f"\n![{title}]({name})\n"
    text += f"\n{study_origin.describe_origin(origin)}\n"
    write_text(request.folder / "table.md", text)


def _model_runs(request: StudyRequest, runs: Sequence[Run]) -> list[ModelRun]:
    trainings = [(parse(run.config), run.summary) for run in runs]
    model_runs = []
    for run, (_, summary), cost in zip(runs, trainings, costs.plain_steps(trainings), strict=True):
        tested = request.tested_config(run)
        views = {task: wiring.views_in_words(tested, task) for task in run.predictions}
        model_runs.append(
            ModelRun(
                name=run.cell.name,
                seed=run.seed,
                checkpoint_step=summary["best_step"],
                predictions=_predictions(run),
                history=read_history(run.folder),
                cost_plain_steps=cost,
                train_seconds=summary["seconds_total"],
                views=views,
            )
        )

    return model_runs


def _predictions(run: Run) -> dict[str, Predictions]:
    predictions = {task: read_predictions(path) for task, path in run.predictions.items()}
    return read_left_out(run.folder / "predictions", predictions)


def _report_data(request: StudyRequest, runs: Sequence[Run], results: Results) -> ReportData:
    classes = read_class_list(runs[0].folder / "predictions" / class_names.FILE).names
    # The page shows clips of the first seed of each model. If seeds have their own videos, it shows
    # only the clips of one seed.
    first = next(run for run in runs if run.cell.name == results.summaries[0].name)
    config = request.tested_config(first)

    # If seeds have their own videos, the manifest of one seed does not know the other seeds' clips.
    foregrounds, annotations = None, {}
    if len({run.config.data.manifest for run in runs}) == 1:
        foregrounds = report_videos.pasted_foregrounds(config, classes)
        annotations = report_videos.annotations(config, classes)
    read_clip = report_videos.clip_reader(config, classes)
    return ReportData(results, classes, read_clip, foregrounds, annotations=annotations)
