"""Claims about eight devices, which XLA emulates on the CPU."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import METHODS
from albar_jax.parallel.mesh import check_divisible, data_mesh, state_sharding
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history

ROOT = Path(__file__).parent.parent
# One case for each method with a loss of its own, and one for all other methods together.
MIXING = "+".join(name for name, make in METHODS.items() if make().loss is None)
PLAIN = [
    {"methods": name, "network": "swin"}
    for name in (MIXING, *METHODS)
    if name not in MIXING.split("+")
]
BATCH_NORM = [{"methods": name, "network": "resnet"} for name in ("albar", "sdn")]
ACCUMULATED = [{"methods": name, "network": "swin", "steps": 2} for name in ("ce", "albar")]
FSDP = [{"methods": "ce", "network": "recomputed", "layout": "fsdp"}]
# Static clips come from the clean clips and have their labels. Like the published configs, ALBAR
# recomputes attention here.
CLEAN = [{"methods": "mixup+albar", "network": "recomputed", "steps": 2}]
# One of the two clips of each device has a penalty.
CHEAP = [{"methods": "albar with a cheap static clip", "network": "swin"}]
CASES = [*PLAIN, *BATCH_NORM, *ACCUMULATED, *FSDP, *CLEAN, *CHEAP]


def start(command, devices):
    """Starts a program that sees this number of devices."""
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, **streams)


def run(command, devices):
    """Runs a program on this number of devices; returns its output."""
    process = start(command, devices)
    printed, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors

    return printed


@pytest.fixture(scope="module")
def steps():
    """Returns the result of tests/eight_devices.py for each case."""
    done = json.loads(run(["tests/eight_devices.py", json.dumps(CASES)], 8))
    return {tuple(case.values()): step for case, step in zip(CASES, done, strict=True)}


def test_a_batch_size_that_devices_cannot_share_is_refused_with_one_that_fits():
    eight = data_mesh([jax.devices()[0]] * 8)
    with pytest.raises(UserError, match="config.batch_size is 20, .* 8 devices; try 16"):
        check_divisible(20, eight, "config.batch_size")


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_eight_devices_take_the_step_that_one_takes(case, steps):
    """Random draws, counts and statistics of the batch do not depend on the device count.

    The steps differ by float32 rounding, because sums have another order.
    """
    step = steps[tuple(case.values())]
    assert step["difference"] < 3e-6
    assert step["metrics"] == pytest.approx(step["on_one"]["metrics"], rel=1e-5)


# The two metrics of ce are one number, which XLA notices in a step without accumulation.
@pytest.mark.parametrize(("method", "metrics"), [("ce", 1), ("albar", 5)])
def test_a_step_all_reduces_its_gradient_and_metrics_once(method, metrics, steps):
    """The second all-reduce is the number of valid clips, which the gradient needs."""
    step = steps[method, "swin"]
    assert step["collectives"] == [["all-reduce", 2, step["parameters"] + 4 * (metrics + 1)]]
    assert step["on_one"]["collectives"] == []


@pytest.mark.parametrize(("method", "metrics"), [("ce", 2), ("albar", 5)])
def test_an_accumulated_gradient_is_all_reduced_once(method, metrics, steps):
    """Each microbatch all-reduces its number of valid clips, in a loop that is compiled once."""
    step = steps[method, "swin", 2]
    assert step["collectives"] == [["all-reduce", 3, step["parameters"] + 4 * (metrics + 2)]]


def test_fsdp_leaves_each_device_a_share_of_parameters_and_optimiser(steps):
    """Each device holds an eighth of them, and all small arrays."""
    whole, split = steps["ce", "swin"], steps["ce", "recomputed", "fsdp"]
    assert len(set(whole["held"])) == len(set(split["held"])) == 1
    assert whole["held"][0] / 8 < split["held"][0] < whole["held"][0] / 4
    assert split["same_layout"]
    assert "all-gather" in [kind for kind, *_ in split["collectives"]]


def test_a_run_resumes_with_another_layout_and_number_of_devices(tiny_flags, tmp_path):
    """The run was killed. On one device the losses differ by float32 rounding."""
    killed, eight, one = (tmp_path / name for name in ("killed", "eight", "one"))
    process = start(training(killed, tiny_flags, "fsdp"), 8)

    while not list((killed / "checkpoints").glob("[0-9]")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)

    process.kill()
    process.communicate()
    resumed = Checkpoints(killed, read_only=True).find("last")
    assert 0 < resumed < 8

    for folder, layout, devices in ((eight, "fsdp", 8), (one, "data", 1)):
        shutil.copytree(killed, folder)
        run(training(folder, tiny_flags, layout), devices)

    assert len(losses(eight)) == 8
    assert losses(one)[:resumed] == losses(eight)[:resumed] == losses(killed)[:resumed]
    assert losses(one) == pytest.approx(losses(eight), rel=1e-4)


def training(workdir, flags, layout):
    """Returns the command of a run of eight steps of eight clips, saved every second step."""
    changes = {"batch_size": 8, "parallel": layout, "train.steps": 8}
    changes |= {"train.save_every_epochs": 0.5, "train.log_every_steps": 1}
    flags = [*flags, *(f"--config.{name}={value}" for name, value in changes.items())]

    return ["train.py", "--config=configs/quickstart.py:ce", f"--workdir={workdir}", *flags]


def losses(workdir):
    """Returns the loss of each logged step."""
    return [row["loss/total"] for row in read_history(workdir) if "loss/total" in row]


def test_an_array_is_split_along_its_longest_axis_that_all_devices_can_share():
    mesh = jax.sharding.AbstractMesh((8,), ("data",))
    shapes = {
        "long": (96, 384),
        "odd": (343, 96),
        "none": (343, 27),
        "small": (64, 8),
        "scalar": (),
    }
    arrays = {name: jax.ShapeDtypeStruct(shape, np.float32) for name, shape in shapes.items()}
    split = {
        name: sharding.shard_shape(shapes[name])
        for name, sharding in state_sharding(arrays, mesh, "fsdp").items()
    }
    assert split == shapes | {"long": (96, 48), "odd": (343, 12)}
    whole = state_sharding(arrays, mesh, "data")
    assert {name: sharding.shard_shape(shapes[name]) for name, sharding in whole.items()} == shapes
