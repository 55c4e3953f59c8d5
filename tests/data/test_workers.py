"""Claim: a video that kills its worker is named and left out; no other clip changes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_loader import FILMS, TRAIN, manifest_of

from albar_jax.data import batches as batches_module
from albar_jax.data.loader import eval_batches
from albar_jax.errors import StorageError

# Python runs a module of this name at its start. With it in the path, every process ends when it
# opens the killer, as if its decoder crashed.
SITECUSTOMIZE = """
import os, signal, sys, time

def end(event, arguments):
    if event == "open" and str(arguments[0]).endswith("killer.avi") and {condition}:
        {first}
        signal.raise_signal(signal.SIG{name})

sys.addaudithook(end)
"""


@pytest.fixture
def killer(films, tmp_path) -> Path:
    """Returns an intact film; only its name is special."""
    path = tmp_path / "killer.avi"
    path.write_bytes((films / "mjpeg.avi").read_bytes())
    return path


@pytest.fixture
def arm(tmp_path, monkeypatch):
    """Returns a function after which a signal ends new processes that open the killer."""

    def make(name: str, condition: str = "True", first: str = "pass") -> None:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            SITECUSTOMIZE.format(name=name, condition=condition, first=first)
        )
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return make


def test_videos_that_kill_workers_are_left_out_and_the_rest_is_equal_to_the_bit(
    films, killer, arm, capsys
):
    other = killer.with_name("other_killer.avi")
    other.write_bytes(killer.read_bytes())
    # One is read at once, and again at the end. The other is read after many batches.
    paths = [
        killer,
        *(films / name for name in FILMS * 8),
        other,
        films / "vp9.webm",
        films / "vp9.webm",
        killer,
    ]
    with eval_batches(manifest_of(paths), TRAIN, batch_size=2) as batches:
        expected = list(batches)
    assert not batches.failures
    arm("SEGV")
    with eval_batches(manifest_of(paths), TRAIN, batch_size=2, workers=2) as batches:
        read = list(batches)
    assert len(read) == len(expected) == len(batches)
    for batch, sound in zip(read, expected, strict=True):
        kills = np.isin(sound["index"], [0, len(paths) - 4, len(paths) - 1])
        np.testing.assert_array_equal(batch["index"], sound["index"])
        np.testing.assert_array_equal(batch["label"], sound["label"])
        np.testing.assert_array_equal(batch["valid"], sound["valid"] * ~kills)
        np.testing.assert_array_equal(batch["video"][~kills], sound["video"][~kills])
        assert not batch["video"][kills].any()
    why = "it crashes its decoder (SIGSEGV)"
    assert batches.failures == {str(path): f"{path}: {why}" for path in (killer, other)}
    left_out = "this video is left out from now on"
    output = [
        f"a data worker crashed while reading {path}; {left_out}: {why}" for path in (killer, other)
    ]
    assert capsys.readouterr().err.splitlines() == output
    assert not multiprocessing.active_children()


def test_a_worker_that_no_video_killed_ends_the_run_and_names_its_videos(
    killer, hanging, arm, tmp_path, monkeypatch, capsys
):
    """Neither a damaged video nor a slow one is the cause."""
    monkeypatch.setattr(batches_module, "CHECK_SECONDS", 1.0)
    damaged = tmp_path / "damaged_killer.avi"
    damaged.write_bytes(killer.read_bytes()[:600])
    # Only the first process that opens one dies, when all are being read. Alone, they do no harm.
    once = str(tmp_path / "once")
    arm(
        "ABRT",
        f"not os.path.exists({once!r})",
        first=f"time.sleep(0.5); os.makedirs({once!r}, exist_ok=True)",
    )
    manifest = manifest_of([hanging, damaged, killer])
    with (
        eval_batches(manifest, TRAIN, batch_size=1, workers=1, threads=3) as batches,
        pytest.raises(
            StorageError, match="exit code -6; it was reading .* fewer workers"
        ) as caught,
    ):
        next(batches)
    assert all(path in str(caught.value) for path in manifest.paths)
    assert not capsys.readouterr().err


def test_a_worker_ignores_sigterm_until_its_main_process_ends_it(films, killer, arm):
    """A scheduler signals all processes of a job at once.

    The main process saves first, and may need another batch for it.
    """
    manifest = manifest_of([films / FILMS[0], killer, killer])
    with eval_batches(manifest, TRAIN, batch_size=1) as batches:
        expected = list(batches)
    arm("TERM")
    with eval_batches(manifest, TRAIN, batch_size=1, workers=1) as batches:
        read = list(batches)
    for batch, sound in zip(read, expected, strict=True):
        np.testing.assert_array_equal(batch["video"], sound["video"])
    assert not multiprocessing.active_children()


PROGRAM = """
import sys, time
import numpy as np
from albar_jax.data.loader import ClipSpec, train_batches
from albar_jax.data.manifest import Manifest

def main(path):
    manifest = Manifest((path,), np.zeros(1, np.int32), ("0",), ("0",))
    spec = ClipSpec(num_frames=32, size=112, short_side=112)
    print("started", flush=True)
    workers = int(sys.argv[2])
    with train_batches(
        manifest, spec, seed=0, batch_size=1, num_steps=10**6, workers=workers
    ) as batches:
        for _ in batches:
            print("batch", flush=True)
            time.sleep(0.2)

if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.fixture
def start(films, tmp_path):
    """Returns a function that starts a program which reads batches of more than a megabyte.

    The program has its own temporary folder, tmp_path/tmp.
    """
    (tmp_path / "tmp").mkdir()
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    env = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

    def make(workers: int) -> subprocess.Popen:
        command = [sys.executable, str(program), str(films / "mjpeg.avi"), str(workers)]
        return subprocess.Popen(command, **streams, env=env, start_new_session=True)

    return make


def test_only_the_main_process_gets_ctrl_c_even_while_workers_start(start):
    with start(workers=2) as main:
        assert main.stdout.readline() == "started\n"
        # The workers are importing.
        time.sleep(0.7)
        # As a terminal does.
        os.killpg(main.pid, signal.SIGINT)
        out, err = main.communicate(timeout=60)
    assert out.removeprefix("batch\n") == "interrupted\n"
    assert err == ""


def test_a_killed_main_process_leaves_nothing_behind(start, tmp_path):
    with start(workers=1) as main:
        assert [main.stdout.readline() for _ in range(3)] == ["started\n", "batch\n", "batch\n"]
        processes = [
            path.parent for path in Path("/proc").glob("[0-9]*/stat") if session(path) == main.pid
        ]
        left = {*processes} - {Path(f"/proc/{main.pid}")}
        # A worker and the resource tracker. Batches and records of reads are in anonymous memory.
        assert len(left) >= 2
        assert not list((tmp_path / "tmp").iterdir())
        main.kill()
        main.wait()
        deadline = time.monotonic() + 10
        while any(path.exists() for path in left):
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


def session(stat: Path) -> int:
    """Returns the session of a process, 0 if it has just ended; see proc(5)."""
    try:
        return int(stat.read_text().rpartition(")")[2].split()[3])
    except OSError:
        return 0


SHARING = """
import signal, sys
import numpy as np
from albar_jax.data.loader import ClipSpec, eval_batches
from albar_jax.data.manifest import Manifest

def main(ends, *paths):
    labels = np.zeros(len(paths), np.int32)
    manifest = Manifest(paths, labels, paths, ("one",))
    # A clip of 2.4 MB, sent through shared memory.
    spec = ClipSpec(num_frames=16, size=224, short_side=224, augment="none", time=0.5)
    batches = eval_batches(manifest, spec, batch_size=1, workers=2, threads=1)
    if ends == "left open":
        return next(batches)["valid"]
    with batches:
        for number, batch in enumerate(batches):
            if number == 2 and ends == "in error":
                raise ValueError("a mistake")
            if number == 2 and ends == "interrupted":
                signal.raise_signal(signal.SIGINT)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.mark.parametrize("ends", ["at its end", "left open", "in error", "interrupted"])
def test_shared_memory_is_unlinked_in_order_however_a_program_ends(films, tmp_path, ends):
    (tmp_path / "program.py").write_text(SHARING)
    command = [sys.executable, str(tmp_path / "program.py"), ends, *[str(films / "mjpeg.avi")] * 12]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    _, output = process.communicate(timeout=120)
    assert "resource_tracker" not in output
    assert "Exception ignored" not in output
    assert ("Error" in output or "Interrupt" in output) == (ends in ("in error", "interrupted")), (
        output
    )
