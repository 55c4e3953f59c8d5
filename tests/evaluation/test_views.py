import dataclasses
import json

import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import results, views
from albar_jax.evaluation.audit import read_audit
from albar_jax.evaluation.predictions import write_predictions
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page, outputs, tables
from albar_jax.report.html_page import ReportData

QUICKSTART = SUITES["quickstart"]
TASKS = ("quickstart", "quickstart_scuba", "quickstart_scufo", "quickstart_conflfg")
ONE, TWELVE = "1 clip (centre) x 1 crop (centre)", "4 clips (evenly spread) x 3 crops"


@pytest.fixture
def summaries(make_run):
    def summarise(*told):
        """A model for each {task: views}."""
        runs = [
            make_run(f"model{i}", 0, iid=[1], scuba=[1], scufo=[0], conflfg=[1])
            for i in range(len(told))
        ]
        runs = [
            dataclasses.replace(run, views=words) for run, words in zip(runs, told, strict=True)
        ]
        return results.summarise(QUICKSTART, runs)

    return summarise


def test_one_kind_of_views_is_said_once(summaries):
    told = dict.fromkeys(TASKS, ONE)
    assert views.sentence(summaries(told, told)) == f"Views of a test video: {ONE}."


def test_kinds_by_task_are_said_with_their_tasks(summaries):
    told = {"quickstart": TWELVE, **dict.fromkeys(TASKS[1:], ONE)}
    assert views.sentence(summaries(told)) == (
        f"Views of a test video: {TWELVE} (quickstart), {ONE} (quickstart_scuba, quickstart_scufo, quickstart_conflfg)."
    )


def test_models_with_other_views_are_told_apart_and_unknown_ones_are_not_known(summaries):
    sentence = views.sentence(
        summaries(dict.fromkeys(TASKS, ONE), dict.fromkeys(TASKS, TWELVE), {})
    )
    assert sentence == (
        "Views of a test video differ, so the models cannot be compared without care: "
        f"model0, seed 0: {ONE}; model1, seed 0: {TWELVE}; model2, seed 0: not known."
    )
    assert views.sentence(()) == ""


def test_every_form_of_the_table_says_the_views(summaries, tmp_path):
    made = summaries(dict.fromkeys(TASKS, ONE))
    outputs.write(tmp_path, ReportData(QUICKSTART, made, tuple("abcd")))
    said = f"Views of a test video: {ONE}."
    assert said in tables.console(QUICKSTART, made)
    assert said in (tmp_path / "results.md").read_text()
    assert said in html_page.render(ReportData(QUICKSTART, made, tuple("abcd")))
    (run,) = json.loads((tmp_path / "results.json").read_text())["models"][0]["per_seed"]
    assert run["views"] == dict.fromkeys(TASKS, ONE)


def test_predictions_of_others_may_say_their_views(tmp_path, answers):
    write_predictions(tmp_path / "quickstart.csv", answers([1, 0]))
    assert views.of_run(read_audit([tmp_path]).runs[0]) == {"quickstart": None}
    views.write_views(tmp_path, {"quickstart": "10 clips x 3 crops"})
    (run,) = read_audit([tmp_path]).runs
    assert views.of_run(run) == {"quickstart": "10 clips x 3 crops"}
    for text in ("[]", '{"quickstart": 3}', "junk"):
        (tmp_path / "views.json").write_text(text)
        with pytest.raises(UserError, match=r"views\.json"):
            read_audit([tmp_path])
