"""Training from real files to real checkpoints: a pinned step, resuming, stopping, refusing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from albar_jax import build
from albar_jax.checkpoint import Checkpoints
from albar_jax.commands import train
from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.run_log import read_history

ROOT = Path(__file__).parent.parent


def last_params(workdir):
    checkpoints = Checkpoints(workdir, read_only=True)
    step = checkpoints.find("last")
    config = parse(ConfigDict(checkpoints.meta(step)["config"]))
    _, template = build.model(config, 8)
    return jax.tree.map(np.asarray, checkpoints.restore_params(step, template))


def assert_same_params(one, other):
    jax.tree.map(np.testing.assert_array_equal, last_params(one), last_params(other))


def start(workdir, flags, tmp_path):
    """train.py in a process of its own; compiled steps are kept, so that starting again is quick."""
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "xla"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "train.py", "--config=configs/quickstart.py:ce", f"--workdir={workdir}", *flags]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for_checkpoint(workdir, process):
    deadline = time.monotonic() + 120
    while not any(path.name.isdigit() for path in (workdir / "checkpoints").glob("*")):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_leaves_checkpoints_history_pictures_and_a_summary(trained):
    assert (Checkpoints(trained, read_only=True)).find("last") == 6
    history = read_history(trained)
    losses = {row["step"]: row["loss/cross_entropy"] for row in history if "loss/cross_entropy" in row}
    assert max(losses) == 6
    assert [row["step"] for row in history if "validation/top1" in row] == [2, 4, 6]
    board = EventAccumulator(str(trained / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("validation/top1")] == [2, 4, 6]
    assert board.Images("train/batch")
    summary = json.loads((trained / "summary.json").read_text())
    assert (summary["step"], summary["stopped_by"]) == (6, None)
    assert summary["flops_per_step"] > 0


def test_the_same_command_gives_the_same_bits(trained, tiny_config, tmp_path):
    train.run(tiny_config("ce"), str(tmp_path))
    assert_same_params(trained, tmp_path)
    for one, other in zip(read_history(trained), read_history(tmp_path), strict=True):
        assert {k: v for k, v in one.items() if "speed" not in k} == {
            k: v for k, v in other.items() if "speed" not in k
        }


def test_workers_do_not_change_a_bit(trained, tiny_config, tmp_path):
    train.run(tiny_config("ce", **{"loader.workers": 2, "loader.threads": 2}), str(tmp_path))
    assert_same_params(trained, tmp_path)


def test_another_seed_gives_another_model(trained, tiny_config, tmp_path):
    train.run(tiny_config("ce", seed=1), str(tmp_path))
    kernels = [last_params(workdir)["head"]["kernel"] for workdir in (trained, tmp_path)]
    assert not np.array_equal(*kernels)


def test_killed_at_random_moments_it_resumes_to_the_same_bits(tiny_flags, tmp_path):
    flags = [*tiny_flags, "--config.train.steps=40"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    output, _ = start(whole, flags, tmp_path).communicate(timeout=300)
    assert "ce is trained: 40 steps" in output
    moments = random.Random(0)
    for _ in range(3):
        process = start(killed, flags, tmp_path)
        wait_for_checkpoint(killed, process)
        time.sleep(moments.uniform(0, 1))
        process.kill()
        process.wait()
    output, _ = start(killed, flags, tmp_path).communicate(timeout=300)
    assert "ce is trained: 40 steps" in output
    assert_same_params(whole, killed)
    steps = [row["step"] for row in read_history(killed)]
    assert steps == sorted(steps)
    assert steps == [row["step"] for row in read_history(whole)]


def test_asked_to_stop_it_saves_the_step_in_hand(tiny_flags, tmp_path):
    flags = [*tiny_flags, "--config.train.steps=2000", "--config.train.save_every_epochs=0.5"]
    process = start(tmp_path / "run", flags, tmp_path)
    wait_for_checkpoint(tmp_path / "run", process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM after step" in output
    assert "Traceback" not in output
    step = Checkpoints(tmp_path / "run", read_only=True).find("last")
    assert f"after step {step} of 2000" in output


def test_a_finished_run_started_again_says_so_and_changes_nothing(trained, tiny_config, capsys):
    before = last_params(trained)
    assert train.run(tiny_config("ce"), str(trained)) == 0
    assert "ce is trained: 6 steps" in capsys.readouterr().out
    jax.tree.map(np.testing.assert_array_equal, before, last_params(trained))


def test_resuming_under_another_config_is_refused_with_the_difference(trained, tiny_config):
    with pytest.raises(UserError, match=r"optim.weight_decay: 0.01 -> 0.02"):
        train.run(tiny_config("ce", **{"optim.weight_decay": 0.02}), str(trained))


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tiny_config, tmp_path):
    config = tiny_config("ce", **{"optim.base_lr": 1e30, "train.steps": 8})
    with pytest.raises(UserError, match=r"is (nan|inf|-inf) at step \d+, so training stopped"):
        train.run(config, str(tmp_path))
    step = Checkpoints(tmp_path, read_only=True).find("last")
    if step is not None:
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(last_params(tmp_path)))


def test_an_unreadable_video_is_left_out_counted_and_listed(tiny_config, world_dir, tmp_path, capsys):
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"not a video")
    lines = (world_dir / "manifest.csv").read_text().splitlines()
    rows = [lines[0], *(f"{world_dir}/{line}" for line in lines[1:]), f"{broken},left,train,broken"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    config = tiny_config("ce", **{"data.manifest": str(tmp_path / "manifest.csv"), "train.steps": 12})
    assert train.run(config, str(tmp_path / "run")) == 0
    assert "1 videos could not be read" in capsys.readouterr().out
    assert str(broken) in (tmp_path / "run" / "unreadable.tsv").read_text()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data.manifest": "nowhere/manifest.csv"}, "cannot read the manifest nowhere/manifest.csv"),
        ({"model.num_classes": 9}, "num_classes is 9, but .* has 8 classes"),
        ({"init": "weights.pth"}, "weights.pth"),
        ({"data.train_split": "training"}, "no split 'training'; it has test, train"),
    ],
)
def test_a_mistake_is_one_sentence_before_any_work(tiny_config, tmp_path, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        train.run(tiny_config("ce", **changes), str(tmp_path))
