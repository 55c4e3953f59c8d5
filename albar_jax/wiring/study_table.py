"""Writes the results of a study: table.md, results.json, report.html and images."""

from collections.abc import Sequence
from typing import Any

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.evaluation.results import ModelRun, Results, summarise
from albar_jax.files import write_text
from albar_jax.report import evidence as evidence_page
from albar_jax.report import html_page, outputs, tables
from albar_jax.report.evidence import Evidence
from albar_jax.report.json_content import to_json
from albar_jax.report.report_data import ReportData
from albar_jax.storage import class_names
from albar_jax.storage.class_names import read_class_list
from albar_jax.studies import Run
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.train.run_log import read_history
from albar_jax.wiring import (
    costs,
    report_videos,
    study_evidence,
    study_origin,
    study_probes,
    study_trials,
)
from albar_jax.wiring.study_request import StudyRequest


def write(request: StudyRequest) -> None:
    """Writes and prints the results of the finished runs; a row without a run has dashes."""
    finished = request.finished
    if not finished:
        show("no table: no run has been trained and tested yet")
        return

    # The page shows only models with runs; the tables have a row for each cell of the study.
    results = summarise(request.study.suite, _model_runs(request, finished))
    shown = results.select(request.cell_names)
    evidence = study_evidence.collect(request, shown, finished)
    data = _report_data(request, finished, shown, evidence)
    with_dashes = results.complete(request.cell_names)
    origin = study_origin.origin_of(request.command, len(request.runs), finished, _trials(request))

    pictures = _write_pictures(request, data.results)
    heads = study_probes.tables(request.study, finished)
    _write_table(request, data, with_dashes, study_probes.as_markdown(heads), pictures, origin)
    content = to_json(data)
    content["study"] = origin | study_evidence.to_json(request, evidence, shown)
    if request.study.probes:
        content["downstream"] = study_probes.as_json(request.study, finished)
    outputs.write_json(request.folder / "results.json", content)
    html_page.write(request.folder / "report.html", data)

    show(f"{request.study.title} ({evidence.seeds})", "")
    show(*tables.console(with_dashes).splitlines())
    for probe, table in heads:
        show("", probe.title, *table.console().splitlines())
    _show_places(request, data)


def _show_places(request: StudyRequest, data: ReportData) -> None:
    show(*data.notes)
    show(f"the table: {request.folder / 'table.md'}; the page: {request.folder / 'report.html'}")


def _trials(request: StudyRequest) -> str:
    return study_trials.counts(request.workdir, [run.folder.name for run in request.runs])


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
    evidence = data.evidence
    text = f"# {request.study.title}"
    if evidence is not None:
        text += f" ({evidence.seeds})\n\n{markdown_text(evidence.caution)}"
    text += "\n"
    if heads:
        text += f"{heads}\n## The encoders\n"
    text += f"\n{tables.markdown(with_dashes)}"
    if evidence is not None:
        text += evidence_page.markdown(evidence, data.results)
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
    plain = [(parse(run.config), run.summary) for run in request.plain_runs if run.is_trained]
    plain_steps = costs.plain_steps([*trainings, *plain])[: len(runs)]
    factors = study_evidence.cost_factors(request, runs)
    model_runs = []
    for run, cost, factor in zip(runs, plain_steps, factors, strict=True):
        summary = run.summary
        tested = request.tested_config(run)
        views = {task: wiring.views_in_words(tested, task) for task in run.predictions}
        model_runs.append(
            ModelRun(
                name=run.cell.name,
                seed=run.seed,
                checkpoint_step=summary["best_step"],
                predictions=study_trials.predictions_of(run),
                history=read_history(run.folder),
                cost_plain_steps=cost,
                cost_factor=factor,
                train_seconds=summary["seconds_total"],
                views=views,
            )
        )

    return model_runs


def _report_data(
    request: StudyRequest, runs: Sequence[Run], results: Results, evidence: Evidence
) -> ReportData:
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
    return ReportData(
        results, classes, read_clip, foregrounds, annotations=annotations, evidence=evidence
    )
