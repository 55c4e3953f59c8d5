"""The downstream tasks of a study: done once, and never mistaken for those of another encoder."""

import json
import shutil

import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation.suites import SUITES
from albar_jax.storage import seals
from albar_jax.studies import Probe, Run, Study
from albar_jax.toy import untrimmed
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import study_probes, study_request
from configs import cells

RECIPE = {
    "epochs": 1,
    "batch_size": 2,
    "dims": (8,),
    "depths": (1,),
    "blocks": ("focus",),
    "dim_head": 8,
    "segments": 8,
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Untrimmed films; the file of one training film is no video."""
    out = tmp_path_factory.mktemp("films") / "seed0"
    untrimmed.make(out, seed=0, num_train=6, num_test=4, jobs=1)
    (out / "anomaly" / "videos" / "train" / "anomaly_train_00001.avi").write_text("no video")
    return out


@pytest.fixture(scope="module")
def study(films):
    manifest = str(films / "anomaly" / "manifest.csv").replace("seed0", "seed{seed}")
    probe = Probe(
        name="films",
        title="Films",
        head="mgfn",
        videos=manifest,
        annotations=manifest,
        data="make it",
        hop=32,
        recipe=RECIPE,
        batch_size=4,
    )
    broken = Probe(
        name="broken", title="Broken", head="mgfn", videos=manifest, annotations="a", data="b"
    )
    return Study(
        title="Tasks",
        suite=SUITES["quickstart"],
        cells=(cells.quickstart("ce"),),
        data="make it",
        probes=(broken, probe),
    )


def work(run, study):
    with StopRequest() as stop:
        study_probes.work(run, study, stop)


@pytest.fixture(scope="module")
def done(trained, tiny_config, study, tmp_path_factory):
    """A run whose second task is done; the first one cannot be done."""
    folder = tmp_path_factory.mktemp("runs") / "ce"
    shutil.copytree(trained, folder)
    run = Run(0, study.cells[0], 0, tiny_config("ce"), folder)
    with pytest.raises(UserError, match="--annotations a does not exist"):
        work(run, study)
    return run


@pytest.fixture
def own(done, tmp_path):
    """A copy of the run, to be changed."""
    shutil.copytree(done.folder, tmp_path / "ce")
    return Run(0, done.cell, 0, done.config, tmp_path / "ce")


def table(run, study):
    """The table of the second task, and its rows in the JSON."""
    (_, (_, result)) = study_probes.tables(study, [run])
    return result, study_probes.as_json(study, [run])["films"]


def test_task_that_fails_does_not_keep_the_others_from_being_done(done, study):
    broken, probe = study.probes
    assert study_probes.is_done(done, probe)
    assert not study_probes.is_done(done, broken)


def test_table_has_the_figures_and_says_what_they_leave_out(done, study):
    result, content = table(done, study)
    (last,) = content["rows"]["ce"]["last"]["roc_auc"]["per_seed"]
    assert 0 <= last <= 100
    assert f"{last:.2f}" in "".join(result.lines[0])
    notes = [note for note in content["notes"] if "1 video (anomaly_train_00001)" in note]
    assert len(notes) == 1
    assert notes[0] in result.notes


def test_head_of_another_recipe_is_no_result_of_the_task(own, study):
    (path,) = own.folder.glob("downstream/films_*/head/evaluation.json")
    content = json.loads(path.read_text())
    # As if the default had been another one.
    content["config"]["recipe"]["l2"] = 0.125
    path.write_text(json.dumps(content))
    expect_mismatch(own, study, "has a head of another recipe: recipe.l2: 0.125 -> 0.0005")


def test_features_of_other_weights_are_no_result_of_the_task(own, study):
    (sums,) = own.folder.glob(f"checkpoints/{own.summary['best_step']}/{seals.FILE}")
    sums.write_text(sums.read_text() + f"{'0' * 64}  another\n")
    expect_mismatch(own, study, "was made with other weights of the encoder than the run has now")

    # The figures stay if the checkpoints are deleted to save space.
    shutil.rmtree(own.folder / "checkpoints")
    assert study_probes.is_done(own, study.probes[1])
    assert table(own, study)[1]["rows"]


def expect_mismatch(run, study, message):
    _, probe = study.probes
    assert not study_probes.is_done(run, probe)
    result, content = table(run, study)
    assert content["rows"] == {}
    (note,) = content["notes"]
    assert message in note
    assert note in result.notes

    (only,) = (each for each in study.probes if each is probe)
    with pytest.raises(UserError, match="move it away to do the task again") as refused:
        work(run, Study(study.title, study.suite, study.cells, study.data, probes=(only,)))
    assert message in str(refused.value)


def test_done_tasks_are_not_done_again(own, study):
    before = {path: path.stat().st_mtime_ns for path in own.folder.rglob("*")}
    work(own, Study(study.title, study.suite, study.cells, study.data, probes=study.probes[1:]))
    assert {path: path.stat().st_mtime_ns for path in own.folder.rglob("*")} == before


FILE = """
import dataclasses
from configs.studies import quickstart_table5

def get_study():
    study = quickstart_table5.get_study()
    probe = study.probes[0]
    return dataclasses.replace(study, probes=({probes},))
"""


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        ("probe, probe", "2 tasks are named mgfn"),
        ("dataclasses.replace(probe, recipe={'epoch': 3})", "mgfn has no option --epoch"),
        ("dataclasses.replace(probe, recipe={'batch_size': 3, 'pairs': 'videos'})", "even"),
        ("dataclasses.replace(probe, preset='span16')", "preset of the task 'mgfn' is 'span16'"),
        ("dataclasses.replace(probe, head='bmn')", "head of the task 'mgfn' is 'bmn'"),
        ("dataclasses.replace(probe, hop=0)", "hop of the task 'mgfn' is 0"),
    ],
)
def test_impossible_tasks_are_refused_before_any_training(probes, message, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE.format(probes=probes))
    with pytest.raises(UserError, match=message):
        study_request.read_request(str(path), str(tmp_path / "work"), "0", [])
    assert not (tmp_path / "work").exists()
