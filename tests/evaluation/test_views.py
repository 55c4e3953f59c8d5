import dataclasses
import json

import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import results, views
from albar_jax.evaluation.audit import read_audit
from albar_jax.evaluation.predictions import write_predictions
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page, outputs, tables
from albar_jax.report.report_data import ReportData

QUICKSTART = SUITES["quickstart"]
TASKS = ("quickstart", "quickstart_scuba", "quickstart_scufo", "quickstart_conflfg")
ONE, TWELVE = "1 clip (centre) x 1 crop (centre)", "4 clips (evenly spread) x 3 crops"


@pytest.fixture
def summarised(make_run):
    def summarise(*views_of_models):
        """Summarises a model for each {task: views}."""
        runs = [
            make_run(f"model{i}", 0, iid=[1], scuba=[1], scufo=[0], conflfg=[1])
            for i in range(len(views_of_models))
        ]
        runs = [
            dataclasses.replace(run, views=words)
            for run, words in zip(runs, views_of_models, strict=True)
        ]

        return results.summarise(QUICKSTART, runs)

    return summarise


def test_equal_views_are_described_once(summarised):
    task_views = dict.fromkeys(TASKS, ONE)
    assert (
        views.describe_views(summarised(task_views, task_views)) == f"Views of a test video: {ONE}."
    )


def test_views_that_differ_by_task_are_described_with_their_tasks(summarised):
    task_views = {"quickstart": TWELVE, **dict.fromkeys(TASKS[1:], ONE)}
    assert views.describe_views(summarised(task_views)) == (
        f"Views of a test video: {TWELVE} (quickstart), {ONE} (quickstart_scuba, "
        "quickstart_scufo, quickstart_conflfg)."
    )


def test_views_that_differ_by_model_are_described_with_their_models(summarised):
    sentence = views.describe_views(
        summarised(dict.fromkeys(TASKS, ONE), dict.fromkeys(TASKS, TWELVE), {})
    )
    assert sentence == (
        "Views of a test video differ, so compare the models with care: "
        f"model0, seed 0: {ONE}; model1, seed 0: {TWELVE}; model2, seed 0: not known."
    )
    assert views.describe_views(results.Results(QUICKSTART, ())) == ""


def test_every_output_format_describes_the_views(summarised, tmp_path):
    several = summarised(dict.fromkeys(TASKS, ONE))
    outputs.write(tmp_path, ReportData(several, tuple("abcd")))
    sentence = f"Views of a test video: {ONE}."

    assert sentence in tables.console(several)
    assert sentence in (tmp_path / "results.md").read_text()
    assert sentence in html_page.render(ReportData(several, tuple("abcd")))

    (run,) = json.loads((tmp_path / "results.json").read_text())["models"][0]["per_seed"]
    assert run["views"] == dict.fromkeys(TASKS, ONE)


def test_predictions_of_other_programs_may_describe_their_views(tmp_path, answers):
    write_predictions(tmp_path / "quickstart.csv", answers([1, 0]))
    assert views.views_of_run(read_audit([tmp_path]).runs[0]) == {"quickstart": None}

    views.write_views(tmp_path, {"quickstart": "10 clips x 3 crops"})
    (run,) = read_audit([tmp_path]).runs

    assert views.views_of_run(run) == {"quickstart": "10 clips x 3 crops"}
    for text in ("[]", '{"quickstart": 3}', "junk"):
        (tmp_path / "views.json").write_text(text)
        with pytest.raises(UserError, match=r"views\.json"):
            read_audit([tmp_path])
