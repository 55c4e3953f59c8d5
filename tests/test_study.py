"""A study from its file to its table, with killed processes, several processes and shared runs."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.evaluation.results import row_figures
from albar_jax.evaluation.suites import SUITES
from albar_jax.parallel.mesh import data_mesh
from albar_jax.studies import trials
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.experiment import Summary
from albar_jax.train.run_log import read_history
from albar_jax.wiring import run_evaluation, run_study, study_request, study_trials, trained_models
from tests.conftest import tiny_changes

ROOT = Path(__file__).parent.parent
FILE = """
import dataclasses
from albar_jax.report.study_plots import cost_scatter, validation_curves
from albar_jax.evaluation.suites import SUITES, Published
from albar_jax.parallel.mesh import data_mesh
from albar_jax.studies import Study
from configs import cells

NAMES = {names}
PUBLISHED = Published("Table 0", ("iid", "contrasted"), {{name: (12.34, 56.78) for name in NAMES}})
ROWS = [cells.quickstart(name, "ce", {{**{changes}, **more}}) for name, more in NAMES.items()]
CURVES = validation_curves("ce", every_epochs=0.5)

def get_study():
    return Study(
        title="A study of tests",
        suite=dataclasses.replace(SUITES["quickstart"], published=PUBLISHED),
        cells=tuple(ROWS),
        data="python make_it.py",
        pictures={{"validation.svg": CURVES, "cost.svg": cost_scatter}},
    )
"""
ONE = {"ce": {}, "decayed": {"optim.weight_decay": 0.1}}
# Its first row is the first row of the other study.
TWO = {"none": {}, "slow": {"optim.peak_lr": 1e-4}}


@pytest.fixture(scope="module")
def files(world_dir, tmp_path_factory):
    """Writes two studies that share a recipe; returns their folder."""
    folder = tmp_path_factory.mktemp("studies")
    # Saved twice an epoch, for three epochs: long enough to be met at work.
    more = {"train.steps": 24, "train.save_every_epochs": 0.5, "eval.temporal_tests": False}
    changes = tiny_changes(world_dir) | more
    for name, names in (("one", ONE), ("two", TWO)):
        (folder / f"{name}.py").write_text(FILE.format(names=names, changes=changes))
    return folder


def order(files, name, seeds="0,1", settings=(), argument="", **more):
    return study_request.read_request(
        f"{files / name}.py{argument}", str(files / "work"), seeds, list(settings), **more
    )


@contextlib.contextmanager
def process(files, log):
    """Runs study.py on the first study, in a process group of its own that the test ends."""
    flags = [f"--config={files / 'one.py'}", f"--workdir={files / 'work'}", "--seeds=0,1"]
    with (files / log).open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "study.py", *flags],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait_until(happened, running, log):
    deadline = time.monotonic() + 300
    while not happened():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def newest_step(run):
    found = (path.name for path in run.folder.glob("checkpoints/*"))
    return max((int(name) for name in found if name.isdigit()), default=0)


@pytest.fixture(scope="module")
def history(files):
    """Runs the first study with interruptions; returns the outputs of its processes.

    The first process is asked to stop within its first run. Then one of two processes is killed
    within a run, and the other finishes.
    """
    runs = order(files, "one").runs
    with process(files, "stopped") as first:
        wait_until(lambda: newest_step(runs[0]), first, files / "stopped")
        os.killpg(first.pid, signal.SIGTERM)
        first.wait()
    facts = {"status": first.returncode, "stopped_at": newest_step(runs[0])}
    with process(files, "killed") as second:
        wait_until(lambda: "== run 0" in (files / "killed").read_text(), second, files / "killed")
        with process(files, "finished") as third:
            wait_until(lambda: newest_step(runs[0]) > facts["stopped_at"], second, files / "killed")
            wait_until(
                lambda: "== run 1" in (files / "finished").read_text(), third, files / "finished"
            )
            second.kill()
            second.wait()
            third.wait()
    facts |= {name: (files / name).read_text() for name in ("stopped", "killed", "finished")}
    assert third.returncode == 0, facts["finished"]
    return facts


def test_asked_to_stop_it_saves_and_says_how_to_go_on(history):
    assert history["status"] == 128 + signal.SIGTERM
    assert (
        "stopped by SIGTERM with 0 of 4 runs trained; repeat the command to resume"
        in history["stopped"]
    )
    assert "Traceback" not in history["stopped"]
    assert 0 < history["stopped_at"] < 24


def test_two_processes_never_train_the_same_run_and_one_takes_over_what_the_other_left(
    history, files
):
    begun = [line for line in history["finished"].splitlines() if line.startswith("== run")]
    # Passed over while the other was at it, and come back to.
    assert [line.split()[2] for line in begun] == ["1", "2", "3", "0"]
    assert all(run.is_trained for run in order(files, "one").runs)
    steps = [
        row["step"]
        for row in read_history(order(files, "one").runs[0].folder)
        if "validation/top1" in row
    ]
    assert steps == sorted(set(steps))


def test_the_table_has_mean_and_sd_over_seeds_and_the_papers_line(history, files):
    hits = []
    for run in order(files, "one").runs:
        if run.cell.name == "ce":
            rows = np.genfromtxt(
                run.folder / "predictions" / "quickstart.csv", delimiter=",", names=True, dtype=None
            )
            hits.append(100 * np.mean(rows["label"] == rows["pred"]))
    table = (files / "work" / "one" / "table.md").read_text()
    (ours,) = [line for line in table.splitlines() if line.startswith("| ce |")]
    assert ours.startswith(f"| ce | 2 | 24 | {np.mean(hits):.1f} ± {np.std(hits, ddof=1):.1f} |")
    assert "| ce (paper) | 3 | – | 12.34 | – | – | – | 56.78 |" in table
    assert "--seeds 0,1`: 4 of 4 runs (trials.jsonl: 4 finished), trained and tested at" in table
    results = json.loads((files / "work" / "one" / "results.json").read_text())
    assert [model["name"] for model in results["models"]] == ["ce", "decayed"]
    assert results["study"]["runs_done"] == 4
    assert "<html" in (files / "work" / "one" / "report.html").read_text()


def test_the_pictures_are_drawn_and_shown(history, files):
    folder = files / "work" / "one"
    for name in ("validation.svg", "cost.svg"):
        assert f"({name})" in (folder / "table.md").read_text()
        assert "<svg" in (folder / name).read_text()
    assert "decayed" in (folder / "cost.svg").read_text()


def test_every_validation_is_on_stills_too(history, files):
    rows = [
        row for row in read_history(order(files, "one").runs[3].folder) if "validation/top1" in row
    ]
    assert rows
    for row in rows:
        moving, still, contrasted = (
            row[f"validation/{name}"] for name in ("top1", "static_top1", "contrasted")
        )
        assert max(0, moving - still) <= contrasted <= min(moving, 1 - still)
        for name in ("head_sum", "static_penalty", "static_penalty_label", "static_jacobian"):
            assert row[f"validation/{name}"] > 0


def test_done_runs_are_left_alone(history, files, capsys):
    before = {path: path.stat().st_mtime_ns for path in (files / "work" / "runs").rglob("*.csv")}
    assert run_study.run(order(files, "one"), None) == 0
    assert "== run" not in capsys.readouterr().out
    assert {
        path: path.stat().st_mtime_ns for path in (files / "work" / "runs").rglob("*.csv")
    } == before


def test_a_recipe_of_two_studies_is_trained_once_and_missing_rows_are_dashes(history, files):
    one, two = order(files, "one"), order(files, "two")
    assert one.runs[0].folder == two.runs[0].folder
    assert not {run.folder for run in one.runs} >= {run.folder for run in two.runs}
    assert run_study.write_table(two) == 0
    table = (files / "work" / "two" / "table.md").read_text()
    assert "| none | 2 | 24 |" in table
    assert "| slow | 0 | – | – |" in table
    assert "2 of 4 runs" in table


OF_A_LEARNING_RATE = """
def get_study(rate):
    made = dict(title=f"At {rate}", suite=SUITES["quickstart"], data="make")
    return Study(**made, cells=(cells.quickstart("ce", "ce", {"optim.peak_lr": float(rate)}),))
"""


def test_the_argument_of_a_study_follows_a_colon_and_names_its_folder(tmp_path):
    imports = FILE.partition("NAMES")[0]
    (tmp_path / "rated.py").write_text(imports + OF_A_LEARNING_RATE)

    request = order(tmp_path, "rated", argument=":1e-3")

    assert request.study.title == "At 1e-3"
    assert request.runs[0].config.optim.peak_lr == 1e-3
    assert request.folder == tmp_path / "work" / "rated_1e-3"
    assert "rated.py:1e-3" in request.command


@pytest.mark.parametrize(
    ("argument", "folder"),
    [("mild", "s_mild"), ("mild/pretrained", "s_mild_pretrained"), ("../w.toml", "s_.._w.toml")],
)
def test_the_folder_of_a_table_is_no_path(argument, folder, tmp_path):
    (tmp_path / "s.py").write_text(
        "from configs.studies.quickstart_table4 import get_study as made\n"
        "def get_study(argument=''): return made()\n"
    )

    assert order(tmp_path, "s", argument=f":{argument}").folder == tmp_path / "work" / folder


def test_every_run_is_recorded_once_although_processes_were_stopped_and_killed(history, files):
    record = trials.read(files / "work")
    for run in order(files, "one").runs:
        lines = [trial for trial in record if trial.run == run.folder.name]
        assert [trial.outcome for trial in lines] == ["begun", "finished"]
        figures = row_figures(SUITES["quickstart"], study_trials.predictions_of(run))
        assert lines[1].figures == figures
        assert (lines[1].cost_plain_steps, lines[1].steps) == (24, 24)
        assert (lines[1].row, lines[1].seed) == (run.cell.name, run.seed)
    assert lines[0].recipe["optim.weight_decay"] == 0.1


def test_a_trial_stays_when_its_run_is_deleted_and_is_counted_again(history, files, capsys):
    work = files / "deleted"
    shutil.copytree(files / "work", work)
    request = study_request.read_request(str(files / "one.py"), str(work), "0", [])
    shutil.rmtree(request.runs[0].folder)
    assert run_study.run(request, 0) == 0
    assert study_trials.write_page(work) == 0
    assert "runs: 4 finished;" in capsys.readouterr().out
    page = (work / "trials.md").read_text()
    (line,) = [line for line in page.splitlines() if "| one: ce |" in line]
    assert "| choices | 0 (2 times), 1 | 24 | 24 |" in line


def test_a_run_of_before_the_record_is_recorded_when_a_study_meets_it(history, files):
    work = files / "older"
    shutil.copytree(files / "work", work)
    (work / "trials.jsonl").unlink()
    request = study_request.read_request(str(files / "one.py"), str(work), "0,1", [])
    for _ in range(2):
        assert run_study.run(request, None) == 0
    assert [trial.outcome for trial in trials.read(work)] == ["finished"] * 4


def test_the_table_says_what_its_seeds_are_for_and_compares_the_rows(history, files):
    folder = files / "work" / "one"
    table = (folder / "table.md").read_text()
    assert table.startswith("# A study of tests (for choices: seeds 0, 1)\n\nThese figures are for")
    assert "| decayed − ce | " in table
    study = json.loads((folder / "results.json").read_text())["study"]
    assert (study["purpose"], study["seeds"]) == ("choices", [0, 1])
    assert study["cost_factor"] == {"ce": 1.0, "decayed": 1.0}
    (iid,) = [pair for pair in study["differences"] if pair["row"] == "iid"]
    assert (iid["first"], iid["second"], iid["seeds"]) == ("ce", "decayed", [0, 1])
    assert iid["interval"][0] <= iid["difference"] <= iid["interval"][1]
    page = (folder / "report.html").read_text()
    assert "These figures are for choices" in page
    assert "Differences to the reference row" in page


def test_list_says_how_far_each_run_is(history, files, capsys):
    run_study.list_states(order(files, "two", seeds="0"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1"]
    assert " done " in lines[0]
    assert " not begun " in lines[1]


def test_a_cell_is_done_alone_and_only_its_missing_answers_are_made(history, files):
    runs = order(files, "one").runs
    kept, gone = (run.folder / "predictions" / "quickstart_scufo.csv" for run in (runs[1], runs[2]))
    bits, other = gone.read_bytes(), runs[2].folder / "predictions" / "quickstart.csv"
    stamp = other.stat().st_mtime_ns
    kept_bits = kept.read_bytes()
    kept.unlink()
    gone.unlink()
    assert run_study.run(order(files, "one"), 2) == 0
    assert gone.read_bytes() == bits
    assert other.stat().st_mtime_ns == stamp
    assert not kept.exists()
    kept.write_bytes(kept_bits)


def test_a_run_that_another_process_holds_is_left_to_it(history, files, capsys):
    two = order(files, "two")
    with two.runs[1].claimed() as ours:
        assert ours
        assert run_study.run(two, 1) == 0
    assert "another process is training slow, seed 0; skipped" in capsys.readouterr().out
    assert not two.runs[1].is_trained


def test_a_run_that_fails_does_not_keep_the_others_from_being_done(history, files, capsys):
    settings = ["data.train_split=training"]
    assert run_study.run(order(files, "two", seeds="7", settings=settings), None) == 2
    output = capsys.readouterr().out
    assert "failed: none, seed 7: " in output
    assert "failed: slow, seed 7: " in output
    last = trials.read(files / "work")[-1]
    assert (last.outcome, last.row, last.seed, last.figures) == ("failed", "slow", 7, {})
    assert "training" in last.error


def test_another_default_than_a_run_was_trained_with_is_noticed(history, files):
    path = order(files, "one").runs[0].folder / "config.json"
    saved = json.loads(path.read_text())
    changed = saved | {"optim": saved["optim"] | {"b1": 0.5}}
    # A field that did not exist when the run was trained.
    changed["optim"].pop("b2")
    try:
        path.write_text(json.dumps(changed))
        with pytest.raises(UserError, match=r"trained with another default: optim.b1: 0.5 -> 0.9"):
            order(files, "one")
    finally:
        path.write_text(json.dumps(saved))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda files: run_study.run(order(files, "one"), 4),
            "--cell is 4, but the study has 4 runs, 0 to 3",
        ),
        (
            lambda files: order(files, "nowhere"),
            "--config cannot be read: there is no file",
        ),
        (
            lambda files: order(files, "one", seeds="a"),
            "--seeds is 'a'; it is different numbers",
        ),
        (lambda files: order(files, "one", seeds="1,1"), "--seeds is '1,1'"),
        (
            lambda files: order(files, "one", settings=("optim.lr=1",)),
            "there is no config.optim.lr;",
        ),
        (lambda files: order(files, "one", settings=("foo=1",)), "there is no config.foo;"),
        (
            lambda files: study_request.read_request("README.md", "w", "0", []),
            "there is no study 'README.md'",
        ),
        (
            lambda files: order(files, "one", settings=("seed=3",)),
            "config.seed is set by the study; --seeds names",
        ),
        (
            lambda files: (
                (files / "bad.py").write_text("import nothing_like_it") and order(files, "bad")
            ),
            "bad.py cannot be read: ModuleNotFoundError: No module named 'nothing_like_it'",
        ),
        (
            lambda files: study_request.read_request("configs/quickstart.py", "w", "0", []),
            "--config configs/quickstart.py has no get_study(); a config of `albar train` has",
        ),
        (
            lambda files: order(files, "one", argument=":mild"),
            "one.py takes nothing after a colon; leave out :mild",
        ),
        (
            lambda files: (
                (files / "rated.py").write_text("def get_study(rate): return")
                and order(files, "rated")
            ),
            "rated.py needs an argument after a colon, as in --config",
        ),
        (lambda files: order(files, "one", settings=("optim.b1",)), "--set optim.b1 has no value"),
        (
            lambda files: order(files, "one", settings=("optim.b1=high",)),
            "config.optim.b1 cannot be 'high'",
        ),
        (
            lambda files: order(files, "one", settings=("optim.weight_decay=True",)),
            "weight_decay cannot be True",
        ),
        (
            lambda files: run_study.run(
                order(files, "one", settings=("data.manifest=gone.csv",)), None
            ),
            "gone.csv does not exist; make it with: python make_it.py",
        ),
    ],
)
def test_a_mistake_is_one_sentence(files, make, sentence):
    with pytest.raises(UserError) as error:
        make(files)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_the_checkpoint_that_answers_is_the_best(files):
    """The second of two checkpoints has the lower validation accuracy."""
    (run, _) = order(files, "two", seeds="9").runs
    made = wiring.experiment(
        parse(run.config), {"config": json.loads(run.config.to_json_best_effort())}, resumes=False
    )
    summary = dataclasses.asdict(Summary(step=2, num_steps=2))
    with contextlib.closing(Checkpoints(run.folder)) as checkpoints:
        for step, scale, top1 in ((1, 1.0, 0.9), (2, -1.0, 0.1)):
            params = jax.tree.map(lambda array, scale=scale: scale * array, made.state.params)
            state = dataclasses.replace(made.state, step=jnp.int32(step), params=params)
            checkpoints.save(state, made.meta | {"summary": summary}, top1)
    (run.folder / "summary.json").write_text(json.dumps(summary))
    assert run_study.run(order(files, "two", seeds="9"), 0) == 0
    probs = read_predictions(run.predictions["quickstart"]).probs
    np.testing.assert_allclose(probs, _answers(run, "best"), atol=1e-5)
    assert not np.allclose(probs, _answers(run, "last"), atol=1e-2)


def _answers(run, which):
    model = trained_models.from_checkpoint(run.folder, which, lambda saved: parse(run.config))
    feed = wiring.VideoFeed(data_mesh())
    return dict(run_evaluation.predictions(SUITES["quickstart"], model, feed))["quickstart"].probs
