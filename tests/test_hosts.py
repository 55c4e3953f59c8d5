"""Claims about runs of several processes: real processes on this machine, connected by Gloo."""

import contextlib
import csv
import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.parallel import hosts, launchers
from albar_jax.train import checkpoint_health
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from albar_jax.wiring import run_evaluation, run_training, trained_models
from chaos.contents import contents, differences

ROOT = Path(__file__).parent.parent


class Pair:
    """Two processes of one run, each in its own process group; their output goes to files.

    Args:
      folder: folder of the output files.
      command: program and flags of both, without the interpreter.
      others: further flags of each process, if they differ.
      places: working folder of each process.
    """

    def __init__(self, folder: Path, command, *others, places=(ROOT, ROOT)):
        self.port = free_port()
        self.outputs = [folder / f"output{number}" for number in range(2)]
        self.processes = []

        for number, output in enumerate(self.outputs):
            flags = [f"--coordinator=localhost:{self.port}", "--processes=2", f"--process={number}"]
            more = others[number] if others else ()

            with output.open("w") as file:
                process = subprocess.Popen(
                    [sys.executable, *command, *flags, *more],
                    cwd=places[number],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

            self.processes.append(process)

    def finish(self, timeout=300) -> tuple[list[int], list[str]]:
        """Waits for both processes; returns their exit statuses and outputs."""
        for process in self.processes:
            process.wait(timeout)

        return [process.returncode for process in self.processes], self.printed()

    def printed(self) -> list[str]:
        return [output.read_text() for output in self.outputs]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Returns the folder of the output files."""
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def pair(folder):
    """Returns a function that starts a `Pair`; kills all pairs at the end."""
    started = []

    def start(command, *others, **options) -> Pair:
        started.append(Pair(folder, command, *others, **options))
        return started[-1]

    yield start

    for each in started:
        for process in each.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def write_rows(manifest: Path, rows: list[dict[str, str]]) -> None:
    with manifest.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


STEPS = 16
# Half an epoch is four steps. A save waits for the previous checkpoint, so a signal that follows
# the first checkpoint arrives at step 8 at the latest, long before the end.
CHANGES = {
    "train.steps": STEPS,
    "train.save_every_epochs": 0.5,
    "train.log_every_steps": 1,
}


def training(workdir: Path, flags, *more: str) -> list[str]:
    """Returns the command of a training run."""
    changes = [f"--config.{name}={value}" for name, value in CHANGES.items()]

    return [
        str(ROOT / "train.py"),
        f"--config={ROOT / 'configs/quickstart.py:ce'}",
        f"--workdir={workdir}",
        *flags,
        *changes,
        *more,
    ]


def losses(workdir: Path) -> dict[int, dict[str, float]]:
    """Returns what was logged at each step, without the speed."""
    logged = {}
    for row in read_history(workdir):
        numbers = {name: value for name, value in row.items() if "speed" not in name}
        logged.setdefault(row["step"], {}).update(numbers)

    return logged


def newest(workdir: Path) -> int:
    """Returns the step of the newest checkpoint; 0 if there is none."""
    return max(checkpoint_health.list_steps(workdir / "checkpoints"), default=0)


def wait_for_a_checkpoint(workdir: Path, pair: Pair, after: int = 0) -> None:
    deadline = time.monotonic() + 300
    while newest(workdir) <= after:
        assert all(process.poll() is None for process in pair.processes), pair.printed()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def stopped(pair, tiny_flags, tmp_path_factory) -> tuple[Path, list[int], list[str]]:
    """Stops a run by a signal after its first checkpoint.

    The signal goes to one of the two processes, and also to the loader's worker of that process, as
    schedulers send it.

    Returns:
      The folder of the run, the exit statuses, and the outputs.
    """
    workdir = tmp_path_factory.mktemp("runs") / "stopped"
    processes = pair(training(workdir, tiny_flags, "--config.loader.workers=1"))
    wait_for_a_checkpoint(workdir, processes)
    os.killpg(processes.processes[1].pid, signal.SIGTERM)

    return workdir, *processes.finish()


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A run of two processes that was killed after its first checkpoint, and its repeat.

    Attributes:
      killed: copy of the folder of the killed run.
      finished: the folder after the repeat.
      printed: outputs of the repeat.
    """

    killed: Path
    finished: Path
    printed: list[str]


@pytest.fixture(scope="module")
def resumed(pair, tiny_flags, tmp_path_factory) -> Resumed:
    """Kills a run of two processes after its first checkpoint and repeats the command."""
    parent = tmp_path_factory.mktemp("resumed")
    workdir = parent / "finished"
    processes = pair(training(workdir, tiny_flags))
    wait_for_a_checkpoint(workdir, processes)

    for process in processes.processes:
        process.kill()

    assert processes.finish()[0] == [-signal.SIGKILL] * 2

    killed = shutil.copytree(workdir, parent / "killed")
    statuses, printed = pair(training(workdir, tiny_flags)).finish()
    assert statuses == [0, 0], "\n".join(printed)

    return Resumed(killed, workdir, printed)


def test_a_signal_to_one_of_two_stops_both_at_one_step_which_is_saved(stopped):
    workdir, statuses, printed = stopped
    assert statuses == [128 + signal.SIGTERM] * 2, "\n".join(printed)
    assert f"stopped by SIGTERM after step {newest(workdir)} of {STEPS}" in printed[0]
    assert "Traceback" not in printed[0]
    assert max(losses(workdir)) == newest(workdir) < STEPS


def test_only_the_first_process_prints_and_logs(stopped):
    workdir, _, printed = stopped
    assert f"ce, seed 0: {STEPS} steps of 4 clips" in printed[0]
    assert printed[1] == ""

    steps = [row["step"] for row in read_history(workdir) if "loss/total" in row]
    assert steps == list(range(1, newest(workdir) + 1))


def test_killed_it_resumes_on_two_processes_to_the_same_bits_and_on_one_to_the_same_losses(
    resumed, stopped, tiny_config, tmp_path
):
    """On one process the losses differ by float32 rounding, because sums have another order."""
    assert f"ce is trained: {STEPS} steps" in resumed.printed[0]

    expected = losses(stopped[0])
    assert newest(resumed.killed) < max(expected)
    two = losses(resumed.finished)
    assert {step: two[step] for step in expected} == expected

    one = shutil.copytree(resumed.killed, tmp_path / "one")
    assert run_training.run(tiny_config("ce", **CHANGES), str(one)) == 0

    for step, logged in losses(one).items():
        assert logged == pytest.approx(two[step], rel=1e-4), step

    assert newest(one) == newest(resumed.finished) == STEPS


def test_two_processes_resume_from_one_intact_checkpoint_to_the_same_bits(
    pair, stopped, resumed, tiny_flags, tmp_path
):
    """The run that it is compared with had no damage."""
    workdir = shutil.copytree(stopped[0], tmp_path / "damaged")
    *_, before, last = checkpoint_health.list_steps(workdir / "checkpoints")
    arrays = (workdir / "checkpoints" / str(last)).rglob("ocdbt.process_1/d/*")
    largest = max(arrays, key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"?")

    statuses, printed = pair(training(workdir, tiny_flags)).finish()
    assert statuses == [0, 0], "\n".join(printed)
    note = f"checkpoints/{last} is damaged: its file '"
    assert [note in text for text in printed] == [True, False]
    assert f"and training resumes from step {before}\n" in printed[0]
    assert "is damaged" not in "".join(resumed.printed)

    # All rows of metrics, and all arrays of the checkpoints.
    assert differences(contents(resumed.finished), contents(workdir), []) == []
    assert sorted(losses(workdir)) == list(range(1, STEPS + 1))
    assert Checkpoints(workdir, read_only=True).find("last") == STEPS


@pytest.mark.parametrize("mistaken", [0, 1])
def test_a_mistake_on_one_process_is_one_sentence_and_ends_both(
    pair, tiny_flags, world_dir, tmp_path, mistaken
):
    """Only the other process can read the manifest."""
    places = [tmp_path if number == mistaken else world_dir for number in range(2)]
    both = pair(
        training(tmp_path, tiny_flags, "--config.data.manifest=manifest.csv"), places=places
    )
    statuses, printed = both.finish(timeout=60)
    assert statuses == [2, 2]
    assert "error: cannot read the manifest manifest.csv" in printed[mistaken]
    assert "error" not in printed[1 - mistaken]
    assert "Traceback" not in "".join(printed)


def test_two_processes_stop_together_when_a_class_has_lost_its_videos(
    pair, tiny_flags, world_dir, tmp_path
):
    """Each process reads only some of these videos, in workers; no shared memory is left behind."""
    rows = list(csv.DictReader((world_dir / "manifest.csv").read_text().splitlines()))
    (tmp_path / "broken.avi").write_bytes(b"not a video")

    for row in rows:
        is_lost = row["split"] == "train" and row["label"] == rows[0]["label"]
        row["path"] = str(tmp_path / "broken.avi" if is_lost else world_dir / row["path"])

    write_rows(tmp_path / "manifest.csv", rows)
    flags = {
        "data.manifest": tmp_path / "manifest.csv",
        "loader.max_unreadable": 1,
        "loader.workers": 1,
    }
    flags |= {"data.size": 112, "data.short_side": 112, "data.validation_split": "test"}
    more = [f"--config.{name}={value}" for name, value in flags.items()]
    statuses, printed = pair(training(tmp_path / "run", tiny_flags, *more)).finish(timeout=300)
    assert statuses == [2, 2], "\n".join(printed)
    output = "".join(printed)
    assert output.count("error: none of the ") == 1
    assert f"training videos of the class {rows[0]['label']!r} can be read" in output
    assert (tmp_path / "run" / "unreadable.tsv").read_text().count("broken.avi") == 1
    assert "Traceback" not in output
    assert "resource_tracker" not in output


def test_processes_that_were_started_otherwise_say_so_instead_of_waiting_for_each_other(
    pair, tiny_flags, tmp_path
):
    """The number of decoding threads may differ."""
    others = [["--config.loader.threads=1"], ["--config.batch_size=8", "--config.loader.threads=2"]]
    statuses, printed = pair(training(tmp_path, tiny_flags), *others).finish(timeout=60)
    assert statuses == [2, 2]
    output = "".join(printed)
    assert "error: process 1 was not started with the settings of process 0" in output
    assert "config.batch_size: 4 -> 8" in output
    assert "loader" not in output
    assert "Traceback" not in output


def test_processes_of_different_code_say_which_file_differs(pair, tiny_flags, tmp_path):
    for name in ("albar_jax", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))

    shutil.copy(ROOT / "train.py", tmp_path)
    with (tmp_path / "albar_jax" / "methods" / "losses.py").open("a") as file:
        file.write("\n# another version\n")

    # Each process starts the program in its own folder.
    command = [
        "-c",
        "import sys; sys.path.insert(0, ''); sys.argv[0] = 'train.py'; "
        "exec(open('train.py').read())",
    ]
    flags = training(tmp_path / "run", tiny_flags)[1:]
    statuses, printed = pair([*command, *flags], places=(ROOT, tmp_path)).finish(timeout=100)
    assert statuses == [2, 2], "\n".join(printed)

    for text in printed:
        assert text.splitlines()[-1] == (
            "error: process 1 runs other code than process 0; install the same version on all "
            "hosts; they differ in albar_jax/methods/losses.py"
        )
        assert "Traceback" not in text


STRANGER = """
import sys
from jax._src.lib import _jax
client = _jax.get_distributed_runtime_client(f"localhost:{sys.argv[1]}", 1, init_timeout=3)
client.connect()
"""


def test_a_stranger_at_the_coordinator_s_port_does_not_end_a_run(pair, tiny_flags, tmp_path):
    """The stranger is another JAX program that claims to be process 1."""
    both = pair(training(tmp_path, tiny_flags))
    wait_for_a_checkpoint(tmp_path, both)
    stranger = subprocess.run(
        [sys.executable, "-c", STRANGER, str(both.port)], capture_output=True, text=True, timeout=60
    )
    assert stranger.returncode != 0
    statuses, printed = both.finish()
    assert statuses == [0, 0], "\n".join(printed)
    first = printed[0].splitlines()[0]
    assert first.startswith(f"2 processes: process 0 listens on port {both.port} of 127.0.0.1")
    assert newest(tmp_path) == STEPS


def test_two_processes_evaluate_each_video_once_and_write_what_one_does(
    pair, trained, tiny_config, world_dir, tmp_path
):
    """The first and the fifth test video are broken.

    Each process reads four clips of a batch of eight, so each meets one broken video.
    """
    manifest = tmp_path / "manifest.csv"
    rows = list(csv.DictReader((world_dir / "manifest.csv").read_text().splitlines()))
    test = [row for row in rows if row["split"] == "test"]

    for row in rows:
        row["path"] = str(world_dir / row["path"])

    for number in (0, 4):
        test[number]["path"] = str(tmp_path / f"broken{number}.avi")
        Path(test[number]["path"]).write_bytes(b"not a video")

    write_rows(manifest, rows)
    changes = {"data.manifest": str(manifest), "eval.directory": str(world_dir)}
    changes |= {"eval.batch_size": 8, "loader.threads": 0}
    config = [
        "--config=configs/quickstart.py:ce",
        *(f"--config.{name}={value}" for name, value in changes.items()),
    ]
    both = pair(["evaluate.py", f"--workdir={trained}", f"--out={tmp_path / 'two'}", *config])
    statuses, printed = both.finish()
    assert statuses == [0, 0], "\n".join(printed)
    model = trained_models.from_workdir(str(trained), "best", tiny_config("ce", **changes))
    assert run_evaluation.run([model], str(tmp_path / "one")) == 0
    one, two = tmp_path / "one", tmp_path / "two"

    tables = sorted(path.relative_to(one) for path in (one / "predictions").rglob("*.csv"))
    for path in tables:
        ours, theirs = read_predictions(two / path), read_predictions(one / path)
        assert ours.ids == theirs.ids
        np.testing.assert_allclose(ours.probs, theirs.probs, atol=1e-6)

    assert len(read_predictions(two / "predictions" / "ce_seed0" / "quickstart.csv")) == 14
    results = [
        json.loads((folder / "results.json").read_text())["models"][0] for folder in (one, two)
    ]

    for key in ("rows", "interval", "classes"):
        assert results[0][key] == results[1][key], key

    # Entropies and confidences follow the probabilities, whose last bits depend on the number of
    # clips per device.
    ours, theirs = (result["figures"] for result in results)
    assert ours.keys() == theirs.keys()

    for name, figure in ours.items():
        assert figure == (
            theirs[name] if figure is None else pytest.approx(theirs[name], rel=1e-6)
        ), name

    assert (one / "unreadable.tsv").read_text() == (two / "unreadable.tsv").read_text()
    assert (two / "unreadable.tsv").read_text().count("broken") >= 2


PROGRAM = """
import sys

import jax

from albar_jax.parallel import exchange, hosts

hosts.join()
index = jax.process_index()
print(index, jax.process_count(), file=sys.stderr)
print(exchange.all_gather({str(index): "x" * index}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("common", "numbers"),
    [
        (
            {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"},
            ("SLURM_PROCID", "SLURM_LOCALID"),
        ),
        (
            {"OMPI_MCA_orte_hnp_uri": "4096.0;tcp://127.0.0.1:1", "OMPI_COMM_WORLD_SIZE": "2"},
            ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
        ),
    ],
    ids=["slurm", "ompi"],
)
def test_schedulers_are_understood(common, numbers):
    common = os.environ | common | {"JAX_COORDINATOR_PORT": str(free_port())}
    both = []

    for number in range(2):
        environment = common | dict.fromkeys(numbers, str(number))
        both.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                cwd=ROOT,
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    printed = [process.communicate(timeout=60)[1] for process in both]
    for number, text in enumerate(printed):
        assert text.splitlines() == [f"{number} 2", "{'0': '', '1': 'x'}"]


OPEN_MPI_5 = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("environment", "launcher"),
    [
        ({}, None),
        ({"SLURM_NTASKS": "1", "SLURM_STEP_NODELIST": "a"}, None),
        # The batch script itself, outside of srun.
        ({"SLURM_NTASKS": "4"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NODELIST": "a,b"}, "slurm"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
        # Open MPI up to version 4.
        (OPEN_MPI_5 | {"OMPI_MCA_orte_hnp_uri": "4096.0;tcp://127.0.0.1:1"}, "ompi"),
        (OPEN_MPI_5, "mpi4py"),
        ({"TPU_WORKER_HOSTNAMES": "a,b", "TPU_ML_PLATFORM": "JAX"} | KUBERNETES, "gketpu"),
        ({"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2"} | KUBERNETES, "gketpu"),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_ML_PLATFORM": "JAX"} | KUBERNETES, None),
        ({"TPU_ML_PLATFORM": "JAX"}, "gcetpu"),
        ({"TPU_ML_PLATFORM": "JAX", "TPU_SKIP_MDS_QUERY": "1"}, None),
        # A single pod.
        (KUBERNETES, None),
        (KUBERNETES | {"JOB_COMPLETION_INDEX": "1"}, "k8s"),
    ],
)
def test_a_process_is_alone_unless_the_environment_says_that_others_were_started(
    environment, launcher
):
    assert launchers.find_launcher(environment) == launcher


@pytest.mark.parametrize(
    ("package", "environment"),
    [("mpi4py", OPEN_MPI_5), ("kubernetes", KUBERNETES | {"JOB_COMPLETION_INDEX": "1"})],
)
def test_a_launcher_that_needs_a_package_says_which(package, environment, monkeypatch):
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")

    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(
        UserError, match=f"by the package {package}: pip install it, or give --coordinator"
    ):
        hosts.join()


@pytest.mark.parametrize("given", [("a:1", None, None), ("a:1", 2, 2), ("a", 2, 0), (None, 2, 0)])
def test_flags_that_do_not_say_who_is_who_are_refused(given):
    with pytest.raises(UserError, match="go together"):
        hosts.join(*given)
