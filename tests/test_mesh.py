import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax.errors import UserError
from albar_jax.mesh import check_divisible, data_mesh

ROOT = Path(__file__).parent.parent


def test_a_batch_that_devices_cannot_share_is_refused_with_one_that_they_can():
    check_divisible(4, data_mesh(), "batch_size")
    eight = type("Mesh", (), {"size": 8})()
    with pytest.raises(UserError, match="config.batch_size is 20, which is not divisible by 8 devices; try 16"):
        check_divisible(20, eight, "config.batch_size")


@pytest.mark.parametrize("tokens", ["ce", "stillmix+albar"])
def test_eight_devices_train_as_one_does(tokens, tiny_flags, tmp_path):
    """Losses agree to float32 rounding: sums over the batch are added in another order."""
    losses = []
    for devices in (1, 8):
        flags = [*tiny_flags, "--config.batch_size=8", "--config.train.steps=2", "--config.train.log_every_steps=1"]
        workdir = tmp_path / str(devices)
        environment = os.environ | {
            "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
        }
        command = [sys.executable, "train.py", f"--config=configs/quickstart.py:{tokens}", f"--workdir={workdir}"]
        subprocess.run([*command, *flags], cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
        rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        losses.append([row["loss/total"] for row in rows if "loss/total" in row])
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
