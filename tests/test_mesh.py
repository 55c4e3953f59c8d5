import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from albar_jax import build
from albar_jax.checkpoint import Checkpoints
from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.mesh import check_divisible, data_mesh, state_sharding

ROOT = Path(__file__).parent.parent


def test_a_batch_that_devices_cannot_share_is_refused_with_one_that_they_can():
    check_divisible(4, data_mesh(), "batch_size")
    eight = type("Mesh", (), {"size": 8})()
    with pytest.raises(UserError, match="config.batch_size is 20, which is not divisible by 8 devices; try 16"):
        check_divisible(20, eight, "config.batch_size")


def train(tokens, devices, flags, workdir, steps=2):
    """Steps of eight clips: the losses, and the parameters after them."""
    flags = [*flags, "--config.batch_size=8", f"--config.train.steps={steps}", "--config.train.log_every_steps=1"]
    command = [sys.executable, "train.py", f"--config=configs/quickstart.py:{tokens}", f"--workdir={workdir}", *flags]
    subprocess.run(command, cwd=ROOT, env=with_devices(devices), check=True, capture_output=True, timeout=300)
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [row["loss/total"] for row in rows if "loss/total" in row], last_params(workdir)


def with_devices(number):
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={number}"
    return os.environ | {"XLA_FLAGS": flags}


def last_params(workdir):
    checkpoints = Checkpoints(workdir, read_only=True)
    step = checkpoints.find("last")
    config = parse(ConfigDict(checkpoints.meta(step)["config"]))
    return jax.tree.map(np.asarray, checkpoints.restore_params(step, build.model(config, 8)[1]))


@pytest.mark.parametrize(("tokens", "layouts"), [("ce", ["data", "fsdp"]), ("stillmix+albar", ["data"])])
def test_eight_devices_train_as_one_does_in_either_layout(tokens, layouts, tiny_flags, tmp_path):
    """Losses and parameters agree to float32 rounding: sums over the batch are added in another order.

    Adam divides a gradient by its size, so that the rounding of those near 0 is seen whole: a parameter may differ by
    what one step changes at most, its learning rate; the mean difference is a hundredth of that.
    """
    losses, params = train(tokens, 1, tiny_flags, tmp_path / "one")
    rate = 2e-3 * 8 / 24  # of the second and last step: the first is warm-up
    for layout in layouts:
        found, split = train(tokens, 8, [*tiny_flags, f"--config.parallel={layout}"], tmp_path / layout)
        assert len(found) == 2
        assert found == pytest.approx(losses, rel=1e-4)
        differences = [abs(a - b) for a, b in zip(jax.tree.leaves(split), jax.tree.leaves(params), strict=True)]
        assert max(difference.max() for difference in differences) < rate
        assert np.mean(np.concatenate([difference.ravel() for difference in differences])) < rate / 100


def test_a_run_goes_on_under_another_layout_and_number_of_devices(tiny_flags, tmp_path):
    """As after death between the second step, which was saved, and the fourth."""
    fsdp = [*tiny_flags, "--config.parallel=fsdp", "--config.train.save_every_epochs=0.5"]
    data = [*fsdp, "--config.parallel=data"]
    expected, _ = train("ce", 8, fsdp, tmp_path, steps=4)
    shutil.rmtree(tmp_path / "checkpoints" / "4")
    for devices, flags in ((1, data), (8, fsdp)):
        shutil.copytree(tmp_path, tmp_path.with_name(f"resumed{devices}"))
        found, _ = train("ce", devices, flags, tmp_path.with_name(f"resumed{devices}"), steps=4)
        assert len(found) == 4
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def measured(tiny_config):
    """A function: what tests/eight_devices.py says of a method in a layout."""

    def measure(tokens, layout):
        config = tiny_config(tokens, batch_size=8, parallel=layout).to_json_best_effort()
        environment = with_devices(8) | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "tests/eight_devices.py", config]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return functools.cache(measure)


def test_fsdp_leaves_each_device_a_share_of_parameters_and_optimiser(measured):
    """An eighth of them, but for small arrays and such as eight devices cannot share."""
    whole, split = measured("ce", "data"), measured("ce", "fsdp")
    assert whole["bytes_on"] == [whole["bytes"]] * 8
    assert len(set(split["bytes_on"])) == 1
    assert whole["bytes"] / 8 < split["bytes_on"][0] < whole["bytes"] / 5
    assert split["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert [kind for kind, *_ in whole["collectives"]] == ["all-reduce"]
    assert "all-gather" in [kind for kind, *_ in split["collectives"]]


def test_a_plain_step_sends_its_gradient_once_and_two_numbers(measured):
    """The count of valid clips, and the loss. XLA sums the position biases that were looked up, not their tables."""
    step = measured("ce", "data")
    ((kind, count, size),) = step["collectives"]
    tables = [name for name in step["parameters"] if "position_bias" in name]
    looked_up = 4 * 2 * (3 * 64**2 + 6 * 16**2)  # float32, two blocks a stage, heads x tokens of a window, squared
    gradient = sum(step["parameters"].values()) - sum(step["parameters"][name] for name in tables) + looked_up
    assert len(tables) == 4
    assert (kind, size) == ("all-reduce", gradient + 2 * 4)
    assert count == 2  # the count is needed before the gradient


def test_an_array_is_split_along_its_longest_axis_that_all_devices_can_share():
    mesh = jax.sharding.AbstractMesh((8,), ("data",))
    shapes = {"long": (96, 384), "odd": (343, 96), "none": (343, 27), "small": (64, 8), "scalar": ()}
    arrays = {name: jax.ShapeDtypeStruct(shape, np.float32) for name, shape in shapes.items()}
    split = {
        name: sharding.shard_shape(shapes[name]) for name, sharding in state_sharding(arrays, mesh, "fsdp").items()
    }
    assert split == shapes | {"long": (96, 48), "odd": (343, 12)}
    whole = state_sharding(arrays, mesh, "data")
    assert {name: sharding.shard_shape(shapes[name]) for name, sharding in whole.items()} == shapes
