"""Claims about damaged checkpoints: training uses an intact one, and evaluation refuses."""

import json
import os
import shutil
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from albar_jax.errors import UserError
from albar_jax.storage import seals
from albar_jax.train import checkpoint_health
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from albar_jax.wiring import run_training, trained_models
from chaos.contents import contents, differences
from tests.test_checkpoint import make_state, saved


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refusal(workdir: Path, which: str) -> str:
    """Returns the error message of restoring a checkpoint; "" if it is restored."""
    try:
        checkpoints = Checkpoints(workdir, read_only=True)
        step = checkpoints.find(which)
        checkpoints.meta(step)
        checkpoints.restore(step, make_state(0))
    except UserError as error:
        return str(error)

    return ""


@pytest.mark.parametrize("damage", [flip, cut, empty, Path.unlink])
def test_damage_of_any_file_is_reported_with_the_file_and_an_intact_checkpoint(
    tmp_path, damage, capfd
):
    saved(tmp_path, {1: 0.9, 2: 0.5}).close()
    folder = tmp_path / "checkpoints" / "2"
    assert {path.relative_to(folder).parts[0] for path in files(folder)} >= {
        "meta",
        "metrics",
        "params",
        "rest",
    }

    for path in files(folder):
        content = path.read_bytes()
        damage(path)
        printed = refusal(tmp_path, "last")
        assert printed.startswith(f"checkpoint {folder} is damaged: ")
        assert printed.endswith(
            "; the checkpoint of step 1 is intact: choose it with --checkpoint 1"
        )
        assert path.name == seals.FILE or f"its file '{path.relative_to(folder)}' " in printed
        assert refusal(tmp_path, "1") == ""
        path.write_bytes(content)

    assert refusal(tmp_path, "last") == ""
    assert "Traceback" not in capfd.readouterr().err


def test_an_extra_file_and_an_empty_folder_are_damage(tmp_path):
    saved(tmp_path, {1: 0.9, 2: 0.5}).close()
    folder = tmp_path / "checkpoints" / "2"
    (folder / "params" / ".DS_Store").touch()
    assert refusal(tmp_path, "last") == ""
    (folder / "params" / "d" / "0123").touch()
    assert "its file 'params/d/0123' was not written with it" in refusal(tmp_path, "last")
    shutil.rmtree(folder)
    folder.mkdir()
    assert "checkpoints/2 is damaged: it is empty; the checkpoint of step 1 is intact" in refusal(
        tmp_path, "last"
    )


def test_damaged_metrics_of_another_checkpoint_do_not_choose_the_best(tmp_path):
    saved(tmp_path, {1: 0.9, 2: 0.5}).close()
    path = tmp_path / "checkpoints" / "1" / "metrics" / "metrics"
    path.write_text(path.read_text().replace("0.9", "0.1"))
    assert "checkpoints/1 is damaged: its file 'metrics/metrics' has changed" in refusal(
        tmp_path, "best"
    )


def test_a_checkpoint_of_an_earlier_version_is_read_with_a_note(tmp_path, capsys):
    manager = ocp.CheckpointManager(tmp_path / "checkpoints")
    state = make_state(3)
    items = ocp.args.Composite(
        params=ocp.args.StandardSave(state.weights),
        rest=ocp.args.StandardSave({"step": state.step, "opt_state": state.opt_state}),
        meta=ocp.args.JsonSave({}),
    )
    manager.save(3, args=items)
    manager.close()
    assert refusal(tmp_path, "last") == ""
    assert (
        "checkpoints/3 has no checksums, because an earlier version wrote it"
        in capsys.readouterr().err
    )
    checkpoints = Checkpoints(tmp_path)
    jax.tree.map(np.testing.assert_array_equal, checkpoints.restore(3, make_state(0)), state)
    checkpoints.save(make_state(4), {}, 0.5)
    checkpoints.close()
    assert (tmp_path / "checkpoints" / "4" / seals.FILE).exists()


def test_what_a_kill_while_sealing_left_does_not_stand_in_the_way(tmp_path):
    saved(tmp_path, {1: 0.5, 2: 0.6}).close()
    folder = tmp_path / "checkpoints"
    (folder / "2").rename(folder / "2.orbax-checkpoint-tmp-unsealed")
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.find("last") == 1
    checkpoints.save(make_state(2), {}, 0.6)
    checkpoints.close()
    assert sorted(os.listdir(folder)) == ["1", "2"]
    assert refusal(tmp_path, "2") == ""


def test_the_chaos_test_takes_no_unreadable_arrays_for_equal_and_leaves_out_what_was_set_aside(
    tmp_path,
):
    saved(tmp_path, {1: 0.5, 2: 0.6}).close()
    whole = contents(tmp_path)
    assert "checkpoints/2/params/" in whole

    for path in (tmp_path / "checkpoints" / "2" / "params").rglob("manifest.ocdbt"):
        cut(path)

    cut(tmp_path / "checkpoints" / "2" / "params" / "_METADATA")
    actual = contents(tmp_path)
    assert "checkpoints/2/params/ is unreadable" in differences(actual, actual, [])[0]
    Checkpoints(tmp_path).close()
    assert not any(name.startswith("damaged/") for name in contents(tmp_path))


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """Returns a copy of a finished run, with checkpoints of steps 4 and 6 at least."""
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / "summary.json").unlink()
    return tmp_path / "run"


def test_training_resumes_from_the_one_before_the_damaged_to_the_same_bits(
    run, trained, tiny_config, capfd
):
    flip(max(files(run / "checkpoints" / "6" / "rest"), key=lambda path: path.stat().st_size))
    assert run_training.run(tiny_config("ce"), str(run)) == 0
    printed = capfd.readouterr().err
    assert f"note: checkpoint {run}/checkpoints/6 is damaged: its file 'rest/" in printed
    assert f"; it was moved to {run}/damaged/6, and training resumes from step 4\n" in printed
    # Also the state of the optimizer, the coverage, the scores and all rows of metrics.
    assert differences(contents(trained), contents(run), []) == []
    assert len(read_history(run)) == len(read_history(trained)) > 6
    assert json.loads((run / "summary.json").read_text())["step"] == 6
    assert checkpoint_health.examine(run / "checkpoints").faults == {}


def test_a_second_damaged_checkpoint_of_the_same_step_does_not_replace_the_first(tmp_path, capfd):
    for _ in range(2):
        checkpoints = saved(tmp_path, {1: 0.5, 2: 0.6})
        checkpoints.close()
        flip(tmp_path / "checkpoints" / "2" / "meta" / "metadata")
        Checkpoints(tmp_path).close()
        shutil.rmtree(tmp_path / "checkpoints")

    assert sorted(os.listdir(tmp_path / "damaged")) == ["2", "2.2"]


def test_without_an_intact_checkpoint_training_ends_with_one_sentence_and_moves_nothing(
    run, tiny_config
):
    steps = checkpoint_health.list_steps(run / "checkpoints")
    for step in steps:
        cut(run / "checkpoints" / str(step) / "meta" / "metadata")

    with pytest.raises(
        UserError,
        match=r"no checkpoint in .*/checkpoints is intact \(6: its file 'meta/metadata' has",
    ):
        run_training.run(tiny_config("ce"), str(run))

    assert checkpoint_health.list_steps(run / "checkpoints") == steps
    assert "no other checkpoint is intact: restore it from a copy" in refusal(run, "last")


def test_evaluation_refuses_a_damaged_best_checkpoint_and_accepts_the_one_it_suggests(run):
    best = Checkpoints(run, read_only=True).find("best")
    other = max({*checkpoint_health.list_steps(run / "checkpoints")} - {best})
    flip(run / "checkpoints" / str(best) / "params" / "_METADATA")

    with pytest.raises(
        UserError, match=rf"/{best} is damaged: .*choose it with --checkpoint {other}$"
    ):
        trained_models.from_workdir(str(run), "best")
    assert trained_models.from_workdir(str(run), str(other)).step == other
