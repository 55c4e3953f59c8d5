"""Claims about training from real files to real checkpoints."""

import contextlib
import dataclasses
import json
import os
import random
import shutil
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

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.train import checkpoint_health, loop
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from albar_jax.wiring import run_training
from configs import hmdb51, kinetics400, ucf101

ROOT = Path(__file__).parent.parent


def last_params(workdir):
    checkpoints = Checkpoints(workdir, read_only=True)
    step = checkpoints.find("last")
    config = parse(ConfigDict(checkpoints.meta(step)["config"]))
    _, template = wiring.model(config, 8)

    return jax.tree.map(np.asarray, checkpoints.restore_params(step, template))


def assert_same_params(one, other):
    jax.tree.map(np.testing.assert_array_equal, last_params(one), last_params(other))


def start(workdir, flags, tmp_path):
    """Starts train.py in its own process group."""
    command = [
        sys.executable,
        "train.py",
        "--config=configs/quickstart.py:ce",
        f"--workdir={workdir}",
        *flags,
    ]

    with (tmp_path / "output").open("w") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(process, tmp_path):
    process.wait(timeout=300)
    return (tmp_path / "output").read_text()


def newest(workdir):
    return max(checkpoint_health.list_steps(workdir / "checkpoints"), default=0)


def wait_for_progress(workdir, process, tmp_path):
    """Returns when the process has saved a checkpoint of its own."""
    before = newest(workdir)
    deadline = time.monotonic() + 120

    while newest(workdir) == before:
        assert process.poll() is None, (tmp_path / "output").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_run_leaves_checkpoints_history_pictures_and_a_summary(trained):
    assert (Checkpoints(trained, read_only=True)).find("last") == 6
    history = read_history(trained)
    losses = {
        row["step"]: row["loss/cross_entropy"] for row in history if "loss/cross_entropy" in row
    }
    assert max(losses) == 6
    assert [row["step"] for row in history if "validation/top1" in row] == [2, 4, 6]
    board = EventAccumulator(str(trained / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("validation/top1")] == [2, 4, 6]
    assert board.Images("train/batch")
    summary = json.loads((trained / "summary.json").read_text())
    assert (summary["step"], summary["stopped_by"]) == (6, None)
    assert summary["flops_per_step"] > 0


def test_the_wait_for_the_first_batch_is_part_of_the_seconds(tiny_config, tmp_path):
    config = tiny_config("ce", **{"train.steps": 2})
    experiment = wiring.experiment(parse(config), {}, resumes=False)

    def slow(start_step):
        # Longer than everything else takes.
        time.sleep(3)
        yield from experiment.train_batches(start_step)

    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        summary = loop.train(
            dataclasses.replace(experiment, train_batches=slow), checkpoints, tmp_path
        )

    assert summary.seconds_waiting_for_data >= 3
    assert summary.seconds_total >= summary.seconds_waiting_for_data + summary.seconds_validating


def test_the_same_command_gives_the_same_bits(trained, tiny_config, tmp_path):
    run_training.run(tiny_config("ce"), str(tmp_path))
    assert_same_params(trained, tmp_path)

    for one, other in zip(read_history(trained), read_history(tmp_path), strict=True):
        assert {k: v for k, v in one.items() if "speed" not in k} == {
            k: v for k, v in other.items() if "speed" not in k
        }


def test_workers_do_not_change_a_bit(trained, tiny_config, tmp_path):
    run_training.run(tiny_config("ce", **{"loader.workers": 2, "loader.threads": 2}), str(tmp_path))
    assert_same_params(trained, tmp_path)


def test_another_seed_gives_another_model(trained, tiny_config, tmp_path):
    run_training.run(tiny_config("ce", seed=1), str(tmp_path))
    kernels = [last_params(workdir)["head"]["kernel"] for workdir in (trained, tmp_path)]
    assert not np.array_equal(*kernels)


def test_killed_three_times_at_random_moments_it_resumes_to_the_same_bits(tiny_flags, tmp_path):
    # Few saves, because each takes longer than ten steps.
    flags = [*tiny_flags, "--config.train.steps=120", "--config.train.save_every_epochs=1.5"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert "ce is trained: 120 steps" in finish(start(whole, flags, tmp_path), tmp_path)
    moments = random.Random(0)

    for _ in range(3):
        process = start(killed, flags, tmp_path)
        wait_for_progress(killed, process, tmp_path)
        time.sleep(moments.uniform(0, 0.2))
        process.kill()
        process.wait()
        assert newest(killed) < 120

    assert "ce is trained: 120 steps" in finish(start(killed, flags, tmp_path), tmp_path)
    assert_same_params(whole, killed)
    steps = [row["step"] for row in read_history(killed)]
    assert steps == sorted(steps)
    assert set(steps) == {row["step"] for row in read_history(whole)}


@pytest.mark.parametrize(
    ("workers", "number"), [(0, signal.SIGTERM), (1, signal.SIGTERM), (1, signal.SIGINT)]
)
def test_after_a_signal_it_saves_the_current_step(tiny_flags, tmp_path, workers, number):
    flags = [*tiny_flags, "--config.train.steps=2000", f"--config.loader.workers={workers}"]
    process = start(tmp_path / "run", flags, tmp_path)
    wait_for_progress(tmp_path / "run", process, tmp_path)
    # Schedulers and terminals send the signal to the loader's workers, too.
    os.killpg(process.pid, number)
    output = finish(process, tmp_path)
    assert process.returncode == 128 + number, output
    assert "after step" in output
    assert "Traceback" not in output
    step = Checkpoints(tmp_path / "run", read_only=True).find("last")
    assert f"after step {step} of 2000" in output


def test_a_finished_run_started_again_says_so_and_changes_nothing(trained, tiny_config, capsys):
    before = last_params(trained)
    summary = (trained / "summary.json").read_bytes()
    assert run_training.run(tiny_config("ce"), str(trained)) == 0
    assert (trained / "summary.json").read_bytes() == summary
    printed = capsys.readouterr().out
    validation = "validation: 8 of 40 training videos, held out by video"
    assert f"{validation} (the manifest has no column `group`)\n" in printed
    assert f"clips in {trained}, resumed after step 6\n" in printed
    assert "ce is trained: 6 steps" in printed
    jax.tree.map(np.testing.assert_array_equal, before, last_params(trained))


def test_resuming_under_another_config_is_refused_with_the_difference(trained, tiny_config):
    with pytest.raises(UserError, match=r"optim.weight_decay: 0.01 -> 0.02"):
        run_training.run(tiny_config("ce", **{"optim.weight_decay": 0.02}), str(trained))
    # One entry for all options of the method.
    with pytest.raises(UserError, match=r"or undo: methods.albar: \(absent\) -> used; name: "):
        run_training.run(tiny_config("albar"), str(trained))


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(
    tiny_config, tmp_path
):
    every_step = {"optim.peak_lr": 1e30, "train.steps": 8, "train.save_every_epochs": 0.125}
    every_step["optim.warmup_fraction"] = 0.125

    with pytest.raises(UserError, match=r"is (nan|inf|-inf) at step 2, so training stopped"):
        run_training.run(tiny_config("ce", **every_step), str(tmp_path))

    # Step 1 is warm-up with a learning rate of 0.
    assert Checkpoints(tmp_path, read_only=True).find("last") == 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(last_params(tmp_path)))


def test_resuming_on_other_videos_is_refused(trained, tiny_config, world_dir, tmp_path):
    lines = (world_dir / "manifest.csv").read_text().splitlines()
    (world_dir / "shorter.csv").write_text("\n".join([lines[0], *lines[2:]]))
    shutil.copytree(trained, tmp_path / "run")
    config = tiny_config("ce")
    original = config.data.manifest
    shutil.copy(original, tmp_path / "kept.csv")

    try:
        shutil.copy(world_dir / "shorter.csv", original)
        with pytest.raises(UserError, match="on other videos than those of"):
            run_training.run(config, str(tmp_path / "run"))
    finally:
        shutil.copy(tmp_path / "kept.csv", original)


# Terms of the first step on the seeded world. After a change of model, method, data or random
# numbers that was meant, read the new figures in the message of the failure, and put them here.
FIRST_STEP = {
    "loss/cross_entropy": 2.711321,
    "loss/adversarial": -1.631773,
    "loss/entropy": -1.415966,
    "loss/gradient_penalty": 0.602325,
    "loss/total": -4.524084,
}


def test_the_first_step_is_pinned(tiny_config, tmp_path):
    run_training.run(
        tiny_config(
            "stillmix+albar",
            **{"model.preset": "micro", "train.steps": 1, "train.log_every_steps": 1},
        ),
        str(tmp_path),
    )
    row = read_history(tmp_path)[0]
    assert {name: row[name] for name in FIRST_STEP} == pytest.approx(FIRST_STEP, rel=1e-4)


@pytest.mark.parametrize(
    ("config", "tokens"),
    # Each config file and each recipe once.
    [
        (hmdb51, "albar"),
        (ucf101, "released+stillmix"),
        (kinetics400, "albar"),
        (hmdb51, "stillmix_recipe+stillmix+albar"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_published_config_trains_when_shrunk(config, tokens, world_dir, tmp_path):
    shrunk = config.get_config(tokens)
    shrunk.update_from_flattened_dict(
        {
            "init": "",
            "batch_size": 4,
            "model.preset": "nano",
            "model.num_classes": 8,
            "data.manifest": str(world_dir / "manifest.csv"),
            "data.test_split": "test",
            "data.num_frames": 4,
            "data.size": 16,
            "data.short_side": 20,
            "loader.workers": 0,
            "train.steps": 2,
            "train.log_every_steps": 1,
            "eval.directory": str(world_dir),
        }
    )
    assert run_training.run(shrunk, str(tmp_path / "run")) == 0
    rows = read_history(tmp_path / "run")
    assert [row["step"] for row in rows if "loss/total" in row] == [1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    # By the recipe of StillMix the last checkpoint counts, and nothing is held out.
    assert any("validation/top1" in row for row in rows) is not tokens.startswith("stillmix_recipe")


def test_an_unreadable_video_is_left_out_counted_and_listed(
    tiny_config, world_dir, tmp_path, capsys
):
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"not a video")
    lines = (world_dir / "manifest.csv").read_text().splitlines()
    rows = [lines[0], *(f"{world_dir}/{line}" for line in lines[1:]), f"{broken},left,train,broken"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    config = tiny_config(
        "ce", **{"data.manifest": str(tmp_path / "manifest.csv"), "train.steps": 12}
    )
    assert run_training.run(config, str(tmp_path / "run")) == 0
    assert "unreadable videos that were left out: 1" in capsys.readouterr().out
    (line,) = (tmp_path / "run" / "unreadable.tsv").read_text().splitlines()
    path, reason = line.split("\t")
    assert path == str(broken)
    assert str(broken) not in reason


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"data.manifest": "nowhere/manifest.csv"},
            "cannot read the manifest nowhere/manifest.csv",
        ),
        ({"model.num_classes": 9}, "num_classes is 9, but .* has 8 classes"),
        ({"init": "weights.pth"}, "weights.pth"),
        ({"data.train_split": "training"}, "no split 'training'; it has test, train"),
        ({"batch_size": 64}, "batch_size is 64, but there are 32 videos to train on"),
    ],
)
def test_a_mistake_is_one_sentence_before_any_work(tiny_config, tmp_path, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        run_training.run(tiny_config("ce", **changes), str(tmp_path))
