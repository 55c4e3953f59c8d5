"""Several processes on this machine, as they would be on several: real ones, over Gloo."""

import contextlib
import csv
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
from albar_jax.parallel import hosts
from albar_jax.train import checkpoint_health
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from albar_jax.wiring import run_evaluation, run_training, trained_models
from chaos.contents import contents, differences

ROOT = Path(__file__).parent.parent


class Pair:
    """A program and the same once more, each in a process group of its own; what they print is in files."""

    def __init__(self, folder: Path, command, *others, places=(ROOT, ROOT)):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            self.port = free.getsockname()[1]
        environment = os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        self.outputs = [folder / f"output{number}" for number in range(2)]
        self.processes = []
        for number, output in enumerate(self.outputs):
            flags = [f"--coordinator=localhost:{self.port}", "--processes=2", f"--process={number}"]
            with output.open("w") as file:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, *command, *flags, *(others[number] if others else ())],
                        cwd=places[number],
                        env=environment,
                        stdout=file,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )

    def finish(self, timeout=120) -> tuple[list[int], list[str]]:
        """Their statuses and what they printed."""
        for process in self.processes:
            process.wait(timeout)
        return [process.returncode for process in self.processes], self.printed()

    def printed(self) -> list[str]:
        return [output.read_text() for output in self.outputs]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the programs print."""
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def pair(folder):
    """A function that starts a Pair, all of which are gone in the end."""
    started = []

    def start(command, *others, **options) -> Pair:
        started.append(Pair(folder, command, *others, **options))
        return started[-1]

    yield start
    for process in (process for pair in started for process in pair.processes):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


CHANGES = {
    "train.steps": 24,
    "train.save_every_epochs": 0.5,
    "train.log_every_steps": 1,
}  # saves every fourth


def training(workdir: Path, flags, *more: str) -> list[str]:
    flags = [*flags, *(f"--config.{name}={value}" for name, value in CHANGES.items()), *more]
    return [
        str(ROOT / "train.py"),
        f"--config={ROOT / 'configs/quickstart.py:ce'}",
        f"--workdir={workdir}",
        *flags,
    ]


def losses(workdir: Path) -> dict[int, dict[str, float]]:
    """What was logged at each step, but for the speed."""
    logged = {}
    for row in read_history(workdir):
        logged.setdefault(row["step"], {}).update(
            {k: v for k, v in row.items() if "speed" not in k}
        )
    return logged


def newest(workdir: Path) -> int:
    return max(
        (int(path.name) for path in (workdir / "checkpoints").glob("*") if path.name.isdigit()),
        default=0,
    )


def wait_for_a_checkpoint(workdir: Path, pair: Pair, after: int = 0) -> None:
    deadline = time.monotonic() + 120
    while newest(workdir) <= after:
        assert all(process.poll() is None for process in pair.processes), pair.printed()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def stopped(pair, tiny_flags, tmp_path_factory) -> tuple[Path, list[int], list[str]]:
    """A run that was told to stop after its first checkpoint; its statuses, and what it printed.

    The signal goes to one of two processes, and to the loader's worker of that process, too, as schedulers send it.
    """
    workdir = tmp_path_factory.mktemp("runs") / "stopped"
    asked = pair(training(workdir, tiny_flags, "--config.loader.workers=1"))
    wait_for_a_checkpoint(workdir, asked)
    os.killpg(asked.processes[1].pid, signal.SIGTERM)
    return workdir, *asked.finish()


def test_a_signal_to_one_of_two_stops_both_at_one_step_which_is_saved(stopped):
    workdir, statuses, printed = stopped
    assert statuses == [128 + signal.SIGTERM] * 2, printed
    assert f"stopped by SIGTERM after step {newest(workdir)} of 24" in printed[0]
    assert "Traceback" not in printed[0]
    assert max(losses(workdir)) == newest(workdir) < 24


def test_only_the_first_process_prints_and_logs(stopped):
    workdir, _, printed = stopped
    assert "ce, seed 0: 24 steps of 4 clips" in printed[0]
    assert printed[1] == ""
    steps = [row["step"] for row in read_history(workdir) if "loss/total" in row]
    assert steps == list(range(1, newest(workdir) + 1))


def test_killed_it_resumes_on_two_processes_to_the_same_bits_and_on_one_to_the_same_losses(
    pair, stopped, tiny_flags, tiny_config, tmp_path
):
    """On one process to float32 rounding: sums over the batch are added in another order."""
    two, one = tmp_path / "two", tmp_path / "one"
    killed = pair(training(two, tiny_flags))
    wait_for_a_checkpoint(two, killed)
    for process in killed.processes:
        process.kill()
    assert killed.finish()[0] == [-signal.SIGKILL] * 2
    resumed = newest(two)
    shutil.copytree(two, one)
    statuses, printed = pair(training(two, tiny_flags)).finish()
    assert statuses == [0, 0], printed
    assert "ce is trained: 24 steps" in printed[0]
    expected = losses(stopped[0])
    assert resumed < max(expected)
    found = losses(two)
    assert {step: found[step] for step in expected} == expected
    assert run_training.run(tiny_config("ce", **CHANGES), str(one)) == 0
    for step, logged in losses(one).items():
        assert logged == pytest.approx(found[step], rel=1e-4), step
    assert newest(one) == newest(two) == 24


def test_two_processes_resume_from_one_intact_checkpoint_to_the_same_bits(
    pair, stopped, tiny_flags, tmp_path
):
    workdir, whole = (shutil.copytree(stopped[0], tmp_path / name) for name in ("damaged", "whole"))
    *_, before, last = checkpoint_health.list_steps(workdir / "checkpoints")
    path = max(
        (workdir / "checkpoints" / str(last)).rglob("ocdbt.process_1/d/*"),
        key=lambda file: file.stat().st_size,
    )
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for folder in (workdir, whole):
        run = pair(training(folder, tiny_flags))
        statuses, printed = run.finish()
        assert statuses == [0, 0], printed
        note = f"checkpoints/{last} is damaged: its file '"
        assert [note in text for text in printed] == [folder == workdir, False]
        assert (f"and training resumes from step {before}\n" in printed[0]) == (folder == workdir)
    # All rows of metrics, and all arrays of the checkpoints.
    assert differences(contents(whole), contents(workdir), []) == []
    assert sorted(losses(workdir)) == list(range(1, CHANGES["train.steps"] + 1))
    assert Checkpoints(workdir, read_only=True).find("last") == CHANGES["train.steps"]


@pytest.mark.parametrize("mistaken", [0, 1])
def test_a_mistake_on_one_process_is_one_sentence_and_ends_both(
    pair, tiny_flags, world_dir, tmp_path, mistaken
):
    """Only one of them sees the manifest."""
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
    """Each of them reads only some of these; with workers, whose shared memory nobody leaves behind."""
    rows = list(csv.DictReader((world_dir / "manifest.csv").read_text().splitlines()))
    (tmp_path / "broken.avi").write_bytes(b"not a video")
    for row in rows:
        is_lost = row["split"] == "train" and row["label"] == rows[0]["label"]
        row["path"] = str(tmp_path / "broken.avi" if is_lost else world_dir / row["path"])
    with (tmp_path / "manifest.csv").open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    flags = {
        "data.manifest": tmp_path / "manifest.csv",
        "loader.max_unreadable": 1,
        "loader.workers": 1,
    }
    flags |= {"data.size": 112, "data.short_side": 112, "data.validation_split": "test"}
    more = [f"--config.{name}={value}" for name, value in flags.items()]
    statuses, printed = pair(training(tmp_path / "run", tiny_flags, *more)).finish(timeout=300)
    assert statuses == [2, 2], printed
    said = "".join(printed)
    assert said.count("error: none of the ") == 1
    assert f"training videos of the class {rows[0]['label']!r} can be read" in said
    assert (tmp_path / "run" / "unreadable.tsv").read_text().count("broken.avi") == 1
    assert "Traceback" not in said
    assert "resource_tracker" not in said


def test_processes_that_were_started_otherwise_say_so_instead_of_waiting_for_each_other(
    pair, tiny_flags, tmp_path
):
    """How a machine decodes may differ."""
    others = [["--config.loader.threads=1"], ["--config.batch_size=8", "--config.loader.threads=2"]]
    statuses, printed = pair(training(tmp_path, tiny_flags), *others).finish(timeout=60)
    assert statuses == [2, 2]
    said = "".join(printed)
    assert "error: process 1 was not started as process 0 was" in said
    assert "config.batch_size: 4 -> 8" in said
    assert "loader" not in said
    assert "Traceback" not in said


def test_processes_of_different_code_say_which_file_differs(pair, tiny_flags, tmp_path):
    for name in ("albar_jax", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", tmp_path)
    with (tmp_path / "albar_jax" / "losses.py").open("a") as file:
        file.write("\n# another version\n")
    # Each process starts the program in its own folder.
    command = [
        "-c",
        "import sys; sys.path.insert(0, ''); sys.argv[0] = 'train.py'; exec(open('train.py').read())",
    ]
    flags = training(tmp_path / "run", tiny_flags)[1:]
    statuses, printed = pair([*command, *flags], places=(ROOT, tmp_path)).finish(timeout=100)
    assert statuses == [2, 2], printed
    for text in printed:
        assert text.splitlines()[-1] == (
            "error: process 1 runs other code than process 0; install the same version on all hosts; "
            "they differ in albar_jax/methods/losses.py"
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
    assert statuses == [0, 0], printed
    first = printed[0].splitlines()[0]
    assert first.startswith(f"2 processes: process 0 listens on port {both.port} of 127.0.0.1")
    assert newest(tmp_path) == 24


def test_two_processes_evaluate_each_video_once_and_write_what_one_does(
    pair, trained, tiny_config, world_dir, tmp_path
):
    """The first and the fifth test video are broken: each process reads four of a batch of eight."""
    manifest = tmp_path / "manifest.csv"
    rows = list(csv.DictReader((world_dir / "manifest.csv").read_text().splitlines()))
    test = [row for row in rows if row["split"] == "test"]
    for row in rows:
        row["path"] = str(world_dir / row["path"])
    for number in (0, 4):
        test[number]["path"] = str(tmp_path / f"broken{number}.avi")
        Path(test[number]["path"]).write_bytes(b"not a video")
    with manifest.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    changes = {"data.manifest": str(manifest), "eval.directory": str(world_dir)}
    changes |= {"eval.batch_size": 8, "loader.threads": 0}
    config = [
        "--config=configs/quickstart.py:ce",
        *(f"--config.{name}={value}" for name, value in changes.items()),
    ]
    both = pair(["evaluate.py", f"--workdir={trained}", f"--out={tmp_path / 'two'}", *config])
    statuses, printed = both.finish()
    assert statuses == [0, 0], printed
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
    # Entropies and confidences follow the probabilities, whose last bits depend on the clips per device.
    ours, theirs = (result["figures"] for result in results)
    assert ours.keys() == theirs.keys()
    for name, figure in ours.items():
        assert figure == (
            theirs[name] if figure is None else pytest.approx(theirs[name], rel=1e-6)
        ), name
    assert (one / "unreadable.tsv").read_text() == (two / "unreadable.tsv").read_text()
    assert (two / "unreadable.tsv").read_text().count("broken") >= 2


PROGRAM = "import sys, jax; from albar_jax import hosts; hosts.join(); "
PROGRAM += "print(jax.process_index(), jax.process_count(), file=sys.stderr); "
PROGRAM += (
    "print(hosts.gather({str(jax.process_index()): 'x' * jax.process_index()}), file=sys.stderr)"
)


@pytest.mark.parametrize("launcher", ["slurm", "ompi"])
def test_schedulers_are_understood(launcher):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    said = {
        "slurm": {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"},
        "ompi": {"OMPI_MCA_orte_hnp_uri": "4096.0;tcp://127.0.0.1:1", "OMPI_COMM_WORLD_SIZE": "2"},
    }[launcher]
    names = {
        "slurm": ("SLURM_PROCID", "SLURM_LOCALID"),
        "ompi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
    }
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=os.environ
            | said
            | dict.fromkeys(names[launcher], str(n))
            | {"JAX_COORDINATOR_PORT": str(port)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    printed = [process.communicate(timeout=60)[1] for process in both]
    for number, text in enumerate(printed):
        assert text.splitlines() == [f"{number} 2", "{'0': '', '1': 'x'}"]


OPEN_MPI_5 = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("said", "launcher"),
    [
        ({}, None),
        ({"SLURM_NTASKS": "1", "SLURM_STEP_NODELIST": "a"}, None),
        ({"SLURM_NTASKS": "4"}, None),  # in the batch script itself, outside of srun
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NODELIST": "a,b"}, "slurm"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
        (
            OPEN_MPI_5 | {"OMPI_MCA_orte_hnp_uri": "4096.0;tcp://127.0.0.1:1"},
            "ompi",
        ),  # up to version 4
        (OPEN_MPI_5, "mpi4py"),
        ({"TPU_WORKER_HOSTNAMES": "a,b", "TPU_ML_PLATFORM": "JAX"} | KUBERNETES, "gketpu"),
        ({"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2"} | KUBERNETES, "gketpu"),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_ML_PLATFORM": "JAX"} | KUBERNETES, None),
        ({"TPU_ML_PLATFORM": "JAX"}, "gcetpu"),
        ({"TPU_ML_PLATFORM": "JAX", "TPU_SKIP_MDS_QUERY": "1"}, None),
        (KUBERNETES, None),  # a pod of its own
        (KUBERNETES | {"JOB_COMPLETION_INDEX": "1"}, "k8s"),
    ],
)
def test_a_process_is_alone_unless_the_environment_says_that_others_were_started(said, launcher):
    assert hosts.find_launcher(said) == launcher


@pytest.mark.parametrize(
    ("package", "said"),
    [("mpi4py", OPEN_MPI_5), ("kubernetes", KUBERNETES | {"JOB_COMPLETION_INDEX": "1"})],
)
def test_a_launcher_that_needs_a_package_says_which(package, said, monkeypatch):
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        UserError, match=f"by the package {package}: pip install it, or give --coordinator"
    ):
        hosts.join()


@pytest.mark.parametrize("given", [("a:1", None, None), ("a:1", 2, 2), ("a", 2, 0), (None, 2, 0)])
def test_flags_that_do_not_say_who_is_who_are_refused(given):
    with pytest.raises(UserError, match="go together"):
        hosts.join(*given)
