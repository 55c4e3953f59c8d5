"""The GPU script's way, by small runs of it on this CPU: nothing that it measures is looked at."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from albar_jax import cli
from albar_jax.data.decode import num_frames, read_frames
from albar_jax.data.manifest import read_manifest
from benchmarks.gpu import __main__ as driver
from benchmarks.gpu import films, journal, laid_out, largest, parity, settings, steps

ROOT = Path(__file__).parent.parent


def start(out: Path, *flags: str) -> subprocess.Popen:
    command = ["benchmarks/gpu.sh", "--small", f"--out={out}", f"--films={out.parent / 'films'}"]
    return subprocess.Popen(
        [*command, *flags],
        cwd=ROOT,
        env=os.environ | {"PYTHON": sys.executable},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(out: Path, *flags: str) -> list[dict]:
    process = start(out, *flags)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return journal.read(out)


def select(lines: list[dict], stage: str) -> list[str]:
    return [line["what"] for line in lines if line["stage"] == stage]


MEASURED = ["began", "device", "matmul", "matmul", "copy", "ended"]


def test_a_stage_that_overruns_or_crashes_is_a_line_and_the_next_one_runs(tmp_path):
    """Parity cannot be measured in a second, and there are no films."""
    flags = ["--stages=parity,films,train_ce,machine", "--budget=parity=1", "--budget=machine=200"]
    lines = lines_of(tmp_path / "gpu.jsonl", *flags)

    assert select(lines, "parity") == ["began", "cut", "ended"]
    assert select(lines, "films") == select(lines, "train_ce") == ["began", "failed", "ended"]
    assert select(lines, "machine") == MEASURED
    errors = {line["stage"]: line["error"] for line in lines if line["what"] == "failed"}
    assert "make them with python -m benchmarks.gpu.films" in errors["films"]
    assert "nothing to train on" in errors["train_ce"]


def test_the_evaluation_step_is_timed_also_without_videos(tmp_path):
    lines = lines_of(tmp_path / "gpu.jsonl", "--stages=evaluation", "--budget=evaluation=200")
    assert select(lines, "evaluation") == ["began", "step", "failed", "ended"]
    assert "nothing to read" in lines[-2]["error"]


def test_a_stage_that_is_aborted_is_a_line_with_what_it_printed_last(tmp_path, monkeypatch):
    """XLA ends a process that gives it a flag that it does not have."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_no_such_flag=1")
    lines = lines_of(tmp_path / "gpu.jsonl", "--stages=machine", "--budget=machine=200")
    assert select(lines, "machine") == ["began", "failed", "ended"]
    failed = lines[1]
    assert failed["status"] not in (0, 2)
    assert "xla_no_such_flag" in failed["error"]


def test_a_killed_run_leaves_its_lines_and_no_processes(tmp_path):
    out = tmp_path / "gpu.jsonl"
    process = start(out, "--stages=machine,parity", "--budget=machine=200", "--budget=parity=200")
    while not out.exists() or "parity" not in {line["stage"] for line in journal.read(out)}:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert select(journal.read(out), "machine") == MEASURED
    wait_for_the_end_of_all(out)


def wait_for_the_end_of_all(out: Path) -> None:
    """Every process of a run has the path of its journal in its command."""
    deadline = time.monotonic() + 60
    while any(str(out) in argument for argument in arguments_of_all_processes()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def arguments_of_all_processes() -> list[str]:
    processes = psutil.process_iter(["cmdline"])
    return [argument for process in processes for argument in process.info["cmdline"] or ()]


def test_a_run_that_is_asked_to_stop_ends_its_stage(tmp_path):
    out = tmp_path / "gpu.jsonl"
    process = start(out, "--stages=parity", "--budget=parity=200")
    while not out.exists():
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    wait_for_the_end_of_all(out)


def test_a_line_that_was_cut_is_left_out(tmp_path):
    path = tmp_path / "gpu.jsonl"
    journal.Journal(path, "machine", time.time(), sys.stdout).write(
        "matmul", flops_per_s=1.23456e12
    )
    with path.open("a") as file:
        file.write('{"stage": "machine", "wha')
    (line,) = journal.read(path)
    assert line["flops_per_s"] == 1.235e12


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--stages=machine,speed"], "--stages has 'speed'; choose from machine, parity, films"),
        (["--budget=parity"], "--budget is 'parity'; give STAGE=SECONDS"),
        (["--minutes=0"], "--minutes is 0; give more than 0"),
    ],
)
def test_a_mistake_is_one_sentence(flags, sentence, tmp_path, capsys):
    status = driver.main([f"--out={tmp_path / 'gpu.jsonl'}", f"--films={tmp_path}", *flags])
    assert status == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "gpu.jsonl").exists()


def test_a_folder_without_wheels_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ALBAR_WHEELS", str(tmp_path))
    assert driver.main([f"--out={tmp_path / 'gpu.jsonl'}", f"--films={tmp_path}", "--small"]) == 2
    assert "holds no wheels; give a folder of them" in capsys.readouterr().err


def test_the_stages_import_what_the_wheels_bring(tmp_path, monkeypatch):
    """A jax that cannot be imported."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    files = {
        "jax.py": "raise RuntimeError('imported from the wheel')",
        "jax-9.dist-info/METADATA": "Metadata-Version: 2.1\nName: jax\nVersion: 9\n",
        "jax-9.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "jax-9.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(wheels / "jax-9-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)

    monkeypatch.setenv("ALBAR_WHEELS", str(wheels))
    lines = lines_of(tmp_path / "gpu.jsonl", "--stages=machine")
    assert select(lines, "wheels") == ["done"]
    assert [line["error"] for line in lines if line["what"] == "failed"] == [
        "RuntimeError: imported from the wheel"
    ]


def test_without_a_gpu_the_full_run_ends_with_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.chdir(tmp_path)
    status = driver.main(["--out=gpu.jsonl", "--films=films", "--stages=machine,parity"])
    assert status == 2
    lines = journal.read(tmp_path / "gpu.jsonl")
    assert select(lines, "machine") == ["began", "failed", "ended"]
    assert "jax sees no GPU here" in lines[1]["error"]
    assert not select(lines, "parity")


@pytest.fixture(scope="module")
def film_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    films.make(folder)
    return folder


def test_the_films_are_xvid_and_h264_with_b_frames_and_prepared_as_hmdb51(film_folder, tmp_path):
    root = tmp_path / "hmdb51"
    assert laid_out.lay_out(film_folder, root, train=2, test=1) == 153
    arguments = [f"--videos={root / 'videos'}", f"--splits={root / 'splits'}", f"--out={tmp_path}"]
    assert cli.call("prepare", ["hmdb51", *arguments]) == 0

    train = read_manifest(tmp_path / "manifest.csv", split="train")
    test = read_manifest(tmp_path / "manifest.csv", split="test")
    assert (len(train), len(test), len(train.classes)) == (102, 51, 51)
    heads = [path.read_bytes()[:1024] for path in sorted(film_folder.glob("*.avi"))]
    assert sum(b"XVID" in head for head in heads) == sum(b"H264" in head for head in heads) == 4
    for path in sorted(film_folder.glob("*.avi")):
        last = num_frames(path) - 1
        frames = read_frames(path, np.array([0, last]))
        assert frames.shape == (2, 240, 320, 3)
        assert frames.std() > 20
    assert sum(path.stat().st_size for path in film_folder.glob("*.avi")) < 4e6


def test_every_mode_and_method_of_the_script_is_a_config():
    """As much of the run as configs that change would break."""
    for small in (False, True):
        run = settings.Settings("out", "log", "films", "scratch", small=small, began=0.0, driver=0)
        for name, (method, changes) in largest.MODES.items():
            config = steps.config_of(run, method, **changes)
            assert config.batch_size == run.sizes.batch, name
    fast = steps.config_of(run, "albar_fast").methods["albar"]
    assert (fast["penalty_weight"], fast["static_frames"]) == (0, 2)


def test_the_largest_batch_is_on_the_line_through_the_last_two():
    """Two bytes for each clip, and ten for the state."""
    needed = {8: 26}
    assert largest.largest(needed, memory=60) == 18  # in proportion: a lower bound
    needed[18] = 46
    assert largest.largest(needed, memory=60) == 25
    needed[25] = 60
    assert largest.largest(needed, memory=60) == 25
    needed[25] = 62  # more than the line said
    assert largest.largest(needed, memory=60) == 24


def test_the_errors_of_parity_are_relative_to_the_largest_entry():
    assert parity.error(np.array([1.0, -3.9]), np.array([1.0, -4.0])) == pytest.approx(0.025)


def test_every_term_and_gradient_of_a_golden_network_is_compared():
    golden = parity.load("tiny_b", "float32")
    program = parity.PARTS["gradients"](golden)
    shapes = program.lowered.out_info
    zeros = parity.jax.tree.map(lambda leaf: np.zeros(leaf.shape), shapes)
    errors = program.errors(zeros)
    compared = {name for name in golden.values if name.startswith("grad_")}
    assert compared <= set(errors)
    assert {"ce", "adv", "ent", "gp_clip", "total_clip"} <= set(errors)
    assert set(errors.values()) == {1.0}  # of zeros
