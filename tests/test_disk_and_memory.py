"""Claims about training with little disk or memory, in odd folders, and twice at a time."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax.errors import UserError
from albar_jax.storage.lock import HeldError, working_in
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.wiring import run_training
from tests.test_checkpoint import make_state, saved

ROOT = Path(__file__).parent.parent
MOUNT = ["unshare", "--map-root-user", "--mount"]


def has_namespaces() -> bool:
    """Returns whether a small disk can be mounted that nobody else sees."""
    if shutil.which("unshare") is None:
        return False

    done = subprocess.run([*MOUNT, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return done.returncode == 0


def on_a_small_disk(
    folder: Path, size: str, *commands: list[str]
) -> list[subprocess.CompletedProcess]:
    """Runs commands one after the other, with a disk of this size at `folder`."""
    script = 'mount -t tmpfs -o size="$2" tmpfs "$1"; shift 2; exec "$@"'
    program = (
        "import json, subprocess, sys\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    done = subprocess.run(command, capture_output=True, text=True)\n"
        "    print(json.dumps([done.returncode, done.stdout, done.stderr]))\n"
    )
    inner = [sys.executable, "-c", program, json.dumps(commands)]
    done = subprocess.run(
        [*MOUNT, "sh", "-c", script, "sh", folder, size, *inner],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr

    return [subprocess.CompletedProcess([], *json.loads(line)) for line in done.stdout.splitlines()]


needs_namespaces = pytest.mark.skipif(
    not has_namespaces(), reason="no namespaces to mount a small disk in"
)


@needs_namespaces
def test_a_run_on_a_full_disk_says_so_and_resumes_when_there_is_room(tmp_path, tiny_flags):
    command = [
        sys.executable,
        "train.py",
        "--config=configs/quickstart.py:ce",
        f"--workdir={tmp_path}/run",
        *tiny_flags,
        # Three of its checkpoints do not fit.
        "--config.model.preset=micro",
    ]
    grow = ["mount", "-o", "remount,size=64m", str(tmp_path)]
    listing = ["ls", f"{tmp_path}/run/checkpoints"]
    full, seen, _, resumed = on_a_small_disk(tmp_path, "6m", command, listing, grow, command)
    assert full.returncode == 2
    sentence = full.stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert sentence.startswith("error: ")
    assert f"the disk of {tmp_path}/run" in sentence
    assert "Traceback" not in full.stderr
    assert seen.stdout.split()
    assert all(name.isdigit() for name in seen.stdout.split())
    assert resumed.returncode == 0, resumed.stderr
    assert "ce is trained: 6 steps" in resumed.stdout


@needs_namespaces
def test_workers_do_not_need_dev_shm(tmp_path, tiny_flags):
    """Docker limits shared memory to 64 MB, so batches are in anonymous memory."""
    sizes = ["--config.data.size=128", "--config.data.short_side=128", "--config.data.num_frames=8"]
    more = ["--config.loader.workers=1", "--config.train.steps=2", "--config.loader.threads=1"]
    command = [
        sys.executable,
        "train.py",
        "--config=configs/quickstart.py:ce",
        f"--workdir={tmp_path / 'run'}",
    ]
    fill = ["dd", "if=/dev/zero", "of=/dev/shm/full", "bs=1k", "count=4"]
    _, done = on_a_small_disk(Path("/dev/shm"), "4k", fill, [*command, *tiny_flags, *sizes, *more])
    assert done.returncode == 0, done.stderr
    assert "ce is trained: 2 steps" in done.stdout


def test_a_run_whose_folder_looks_like_a_pattern_resumes(tmp_path, tiny_config, capsys):
    folder = tmp_path / "exp[lr=0.1]" / "a\\b*?"
    assert run_training.run(tiny_config("ce", **{"train.steps": 2}), str(folder)) == 0
    assert (folder / "checkpoints" / "2" / "params" / "manifest.ocdbt").exists()
    assert run_training.run(tiny_config("ce", **{"train.steps": 2}), str(folder)) == 0
    assert "ce is trained: 2 steps" in capsys.readouterr().out


def test_a_second_training_in_a_folder_is_refused_before_it_writes(tmp_path, tiny_config):
    with working_in(tmp_path / "run", "--workdir") as folder:
        with pytest.raises(HeldError, match="another process is at work"):
            run_training.run(tiny_config("ce"), str(folder))
        assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_mistake_leaves_no_folder_behind(tmp_path, tiny_config):
    with pytest.raises(UserError, match="cannot read the manifest"):
        run_training.run(
            tiny_config("ce", **{"data.manifest": "nowhere.csv"}), str(tmp_path / "run")
        )

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("item", ["params", "rest"])
def test_a_checkpoint_whose_index_is_lost_is_not_called_saved(tmp_path, item):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(make_state(1), {}, 0.5)
    checkpoints._series.wait()
    (tmp_path / "checkpoints" / "1" / item / "manifest.ocdbt").unlink()

    with pytest.raises(
        UserError, match=f"checkpoint {tmp_path}/checkpoints/1 was written and cannot be read back"
    ):
        checkpoints.wait()


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_refused_before_it_is_written(
    tmp_path, monkeypatch
):
    checkpoints = saved(tmp_path, {1: 0.5})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 90, 10))

    with pytest.raises(
        UserError, match=r"a checkpoint takes .* MB, and the disk of .* has 0.0 MB free"
    ):
        checkpoints.save(make_state(2), {}, 0.5)

    assert checkpoints.find("last") == 1


@needs_namespaces
def test_a_log_on_a_full_disk_names_its_file_instead_of_hanging(tmp_path):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from albar_jax.train.run_log import RunLog\n"
        "log = RunLog(Path(sys.argv[1]), 0, active=True)\n"
        "try:\n"
        "    for step in range(10_000):\n"
        "        log.write(step, {'loss/total': 1.0})\n"
        "except OSError as error:\n"
        "    print(error.filename, error.strerror)\n"
    )
    (done,) = on_a_small_disk(tmp_path, "64k", [sys.executable, "-c", program, str(tmp_path)])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(maxsplit=1)[0].startswith(str(tmp_path))
    assert "No space left on device" in done.stdout
