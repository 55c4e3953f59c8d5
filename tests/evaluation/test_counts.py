"""Claim: every figure has the number of its clips and of the clips that are left out."""

import dataclasses
import json

import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import counts, results
from albar_jax.evaluation.audit import read_audit
from albar_jax.evaluation.predictions import write_predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import cells, html_page, outputs, tables
from albar_jax.report.report_data import ReportData

QUICKSTART = SUITES["quickstart"]
CLASSES = ("a", "b", "c", "d")


@pytest.fixture
def partial(make_run) -> ModelRun:
    """Returns a run that leaves out one IID clip and two stills of four clips in each set."""
    run = make_run("ce", 0, iid=[1, 1, 0], scuba=[1, 1, 1, 0], scufo=[0, 0], conflfg=[1, 1, 0, 0])
    more = {"quickstart": {"clip_3": 3}, "quickstart_scufo": {"clip_2": 2, "clip_3": 3}}
    predictions = {
        task: of_task.with_left_out(more.get(task, {})) for task, of_task in run.predictions.items()
    }

    return dataclasses.replace(run, predictions=predictions)


def data_of(*runs: ModelRun) -> ReportData:
    return ReportData(results.summarise(QUICKSTART, runs), CLASSES)


def test_clips_and_pairs_are_counted_for_each_row(partial):
    count_of = {row.name: counts.count_clips(row, partial.predictions) for row in QUICKSTART.rows}
    assert {name: count.text for name, count in count_of.items()} == {
        **{"iid": "3 of 4", "scuba": "4", "scufo": "2 of 4", "conflfg": "4"},
        # Each missing still is a missing pair and counts once.
        "contrasted": "2 of 4",
    }


def test_every_output_format_has_the_counts(partial, tmp_path):
    data = data_of(partial)
    outputs.write(tmp_path, data)
    console = tables.console(data.results)
    markdown, page = ((tmp_path / name).read_text() for name in ("results.md", "report.html"))

    for text in (console, markdown, page):
        assert "66.7 (3 of 4)" in text
        assert "Clips tested" in text

    sentence = "quickstart_scufo: 2 of 4 clips are tested; 2 are left out as unreadable or without "
    assert sentence in markdown
    assert sentence in page
    assert page.count("Some test clips are left out here, too") >= 2
    assert "on quickstart, 3 of 4 predictions" in page

    content = json.loads((tmp_path / "results.json").read_text())
    assert content["models"][0]["clips"]["contrasted"] == {"tested": 2, "left_out": 2}
    assert content["models"][0]["per_seed"][0]["left_out"]["quickstart"] == 1
    assert content["models"][0]["classes"][3]["left_out"] == 1
    assert any(note.startswith(sentence) for note in content["notes"])


def test_a_complete_test_set_has_its_count_and_no_note(make_run, tmp_path):
    data = data_of(make_run("ce", 0, iid=[1] * 4, scuba=[1] * 4, scufo=[0] * 4, conflfg=[0] * 4))
    outputs.write(tmp_path, data)

    assert cells.clip_lines(data.results) == [["Clips tested", "", "", "4", "4", "4", "4", "4"]]
    assert data.notes == []

    page = (tmp_path / "report.html").read_text()
    assert "left out" not in page
    assert ">4</td>" in page


def test_clips_that_only_another_model_has_count_as_left_out(make_run):
    sets = {"scuba": [1, 1], "scufo": [0, 0], "conflfg": [0, 0]}
    one, two = data_of(
        make_run("one", 0, iid=[1, 1, 1], **sets), make_run("two", 0, iid=[1, 1], **sets)
    ).summaries
    iid = QUICKSTART.rows[0]

    assert (cells.clips_of(iid, one), cells.clips_of(iid, two)) == ("3", "2 of 3")


def test_seeds_with_their_own_videos_leave_nothing_out(answers):
    other = answers([1, 1])
    other = dataclasses.replace(other, ids=("film_0", "film_1"))
    runs = [
        ModelRun("ce", 0, None, {"quickstart": answers([1, 1])}),
        ModelRun("ce", 1, None, {"quickstart": other}),
    ]

    assert data_of(*runs).notes == [
        "quickstart: 2 of 4 classes have no test clip, 'c' first, so the figures do not cover them."
    ]


def test_a_mean_over_seeds_has_the_count_of_the_seed_with_the_fewest(answers):
    runs = [
        ModelRun("ce", seed, None, {"quickstart": answers([1] * count)})
        for seed, count in enumerate((4, 3))
    ]
    data = data_of(*runs)

    assert cells.model_line(QUICKSTART, data.summaries[0])[3] == "100.0 ± 0.0 (3 of 4)"

    classes = data.analysis.models[0].classes
    assert (classes.clips.sum(), classes.left_out.sum()) == (3, 1)


def test_left_out_clips_are_read_back_from_the_folder_of_the_predictions(partial, tmp_path):
    folder = tmp_path / "ce"
    for task, of_task in partial.predictions.items():
        write_predictions(folder / f"{task}.csv", of_task)
    counts.write_left_out(folder, partial.predictions)
    (run,) = read_audit([folder]).runs

    assert {task: of_task.left_out for task, of_task in run.predictions.items()} == {
        task: of_task.left_out for task, of_task in partial.predictions.items()
    }

    counts.add_left_out(
        folder, "quickstart", dataclasses.replace(partial.predictions["quickstart"], left_out={})
    )
    (run,) = read_audit([folder]).runs

    assert not run.predictions["quickstart"].left_out
    assert run.predictions["quickstart_scufo"].left_out

    (folder / "left_out.tsv").write_text("task\tid\tlabel\nquickstart\ta\t1.0\n")
    assert read_audit([folder]).runs[0].predictions["quickstart"].left_out == {"a": 1}

    lines = [
        ("quickstart\ta\tb", "line 2 of .*left_out.tsv has the label 'b'"),
        ("quickstart\ta\t-1", "has the label '-1'"),
        ("quickstart\ta\t20240131", "has the label '20240131'"),
        (
            "quickstart\ta\t99",
            "left_out.tsv', label 99 of 'a', which is left out, is not one of the classes",
        ),
        ("quickstart\ta\t1\t2", "line 2 of .*left_out.tsv has 4 fields, but the header has 3"),
    ]
    for line, sentence in lines:
        (folder / "left_out.tsv").write_text(f"task\tid\tlabel\n{line}\n")
        with pytest.raises(UserError, match=sentence):
            read_audit([folder])

    (folder / "left_out.tsv").write_text("task\tid\nquickstart\ta\n")
    with pytest.raises(UserError, match="left_out.tsv must name the columns task,id,label"):
        read_audit([folder])


def test_the_page_has_the_count_of_each_bar(partial):
    assert "<small>(2 of 4)</small>" in html_page.render(data_of(partial))
