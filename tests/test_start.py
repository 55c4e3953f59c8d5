"""The pretrained start of a study: made once, by whom it may be, and recorded in the runs."""

import shutil
import threading
import time

import jax
import numpy as np
import pytest

from albar_jax import cli, wiring
from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.evaluation.suites import SUITES
from albar_jax.storage.lock import working_in
from albar_jax.studies import Cell, Study, list_runs, read_start
from albar_jax.train.signals import StopRequest
from albar_jax.weights.converted import load_converted, save_converted
from albar_jax.weights.loading import initial_params
from albar_jax.weights.trees import flatten
from albar_jax.wiring import run_start, study_start
from configs import base, quickstart
from tests.conftest import tiny_changes

FILE = """
from albar_jax.studies import Cell, Start
from configs import base, quickstart

def get_start():
    cell = Cell("start", quickstart.get_config, base.get_config, "ce", {changes})
    return Start(cell, lambda config: None, changes={{"train.steps": 2}})
"""


@pytest.fixture(scope="module")
def place(world_dir, tmp_path_factory):
    """Returns a folder with the file of a start of two steps, made by the command."""
    folder = tmp_path_factory.mktemp("start")
    changes = tiny_changes(world_dir)
    (folder / "tiny.py").write_text(FILE.format(changes=changes))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        command = ["pretrain", "--config", "./tiny.py", "--config.optim.b1=0.8"]
        assert cli.run(command) == 0
    return folder


@pytest.fixture
def start(place, monkeypatch):
    monkeypatch.chdir(place)
    return read_start("./tiny.py").changed({"optim.b1": 0.8})


def run_from(init, workdir):
    cell = Cell("ce", quickstart.get_config, base.get_config, "ce", {"init": str(init)})
    study = Study("A study", SUITES["quickstart"], (cell,), "")
    return list_runs(study, [0], workdir, {})[0]


def test_the_weights_are_those_of_the_training_without_its_head(start):
    network, params = load_converted(start.weights)
    assert network.num_classes == 1
    assert not any(np.any(value) for value in flatten(params["head"]).values())
    first = wiring.model(parse(start.config), num_classes=8)[1]
    moved = [
        name
        for name, value in flatten(first).items()
        if not name.startswith("head") and np.any(value != flatten(params)[name])
    ]
    assert len(moved) > 10


@pytest.mark.parametrize(("frames", "size", "classes"), [(8, 32, 8), (16, 64, 51)])
def test_it_serves_clips_of_any_length_and_size_and_any_number_of_classes(
    start, tiny_config, frames, size, classes
):
    config = tiny_config("ce", init=str(start.weights), **{"data.num_frames": frames})
    config.data.size = config.data.short_side = size
    parsed = parse(config)
    random = wiring.model(parsed, classes)[1]
    params = initial_params(parsed.init, wiring.model_config(parsed, classes), random)
    _, saved = load_converted(start.weights)
    for name, value in flatten(params).items():
        source = random if name.startswith("head") else saved
        np.testing.assert_array_equal(value, flatten(source)[name])


def test_it_is_made_once(start, capsys):
    stamp = (start.weights / "SHA256SUMS").stat().st_mtime_ns
    assert run_start.make(start) == 0
    assert (start.weights / "SHA256SUMS").stat().st_mtime_ns == stamp
    assert capsys.readouterr().out == ""


def test_a_finished_training_is_not_repeated_and_gives_the_same_weights(start, capsys):
    digits = study_start.digits_of(str(start.weights))
    shutil.rmtree(start.weights)
    assert run_start.make(start) == 0
    assert "resumed after step 2" in capsys.readouterr().out
    assert study_start.digits_of(str(start.weights)) == digits


def test_another_recipe_has_another_folder(start):
    assert start.changed({"optim.b1": 0.7}).folder != start.folder
    assert start.changed({"loader.workers": 1}).folder == start.folder


def test_a_second_process_waits_for_the_first(start, monkeypatch, capsys):
    monkeypatch.setattr(run_start, "POLL_SECONDS", 0.05)
    hidden = start.folder / "hidden"
    start.weights.rename(hidden)
    begun = threading.Event()

    def first():
        with working_in(start.folder, "--out"):
            begun.set()
            time.sleep(0.5)
            hidden.rename(start.weights)

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait()
    assert run_start.make(start) == 0
    thread.join()
    assert "steps" not in capsys.readouterr().out


def test_a_signal_ends_the_wait(start):
    with StopRequest() as stop:
        stop.signal_name = "SIGTERM"
        other = start.changed({"train.steps": 3})
        with pytest.raises(UserError, match=r"start_\w+/weights was stopped; repeat the command"):
            run_start.require(other)
    assert not other.folder.exists()


def test_a_run_of_a_study_from_other_weights_is_refused(start, tmp_path):
    weights = tmp_path / "weights"
    network, params = load_converted(start.weights)
    save_converted(weights, network, params)
    run = run_from(weights, tmp_path / "work")
    run.folder.mkdir(parents=True)
    study_start.record(run)
    recorded = (run.folder / study_start.FILE).read_text()
    assert recorded.strip() == study_start.digits_of(str(start.weights))
    (run.folder / "checkpoints").mkdir()
    study_start.record(run)

    shutil.rmtree(weights)
    # The runs of a start that was deleted stay valid.
    study_start.check(run)
    save_converted(weights, network, jax.tree.map(lambda array: array + 1, params))
    with pytest.raises(UserError, match="was trained from other weights than .*weights has now"):
        study_start.check(run)
    assert (run.folder / study_start.FILE).read_text() == recorded

    # Nothing was trained yet, so it begins from the new weights.
    (run.folder / "checkpoints").rmdir()
    study_start.record(run)
    assert (run.folder / study_start.FILE).read_text() != recorded


def test_random_and_downloaded_weights_have_no_digits(tmp_path):
    for init in ("", "torchvision:swin3d_t", str(tmp_path / "none")):
        assert study_start.digits_of(init) == ""
