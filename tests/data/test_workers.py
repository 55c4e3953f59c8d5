"""Claim: a video that kills its worker is named and left out, and the rest of the run is what it would have been."""

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

from albar_jax.data.loader import eval_batches
from albar_jax.errors import UserError

# Python runs a module of this name as it starts: every process with this in its path ends when it opens the killer, as
# if its decoder crashed.
SITECUSTOMIZE = """
import os, signal, sys

def end(event, arguments):
    if event == "open" and str(arguments[0]).endswith("killer.avi") and {condition}:
        signal.raise_signal(signal.SIG{name})

sys.addaudithook(end)
"""


@pytest.fixture
def killer(films, tmp_path) -> Path:
    """A film of which nothing is wrong but its name."""
    path = tmp_path / "killer.avi"
    path.write_bytes((films / "mjpeg.avi").read_bytes())
    return path


@pytest.fixture
def arm(tmp_path, monkeypatch):
    """A function: from now on, processes that start end with this signal when they open the killer."""

    def make(name: str, condition: str = "True") -> None:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(name=name, condition=condition))
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return make


def test_videos_that_kill_workers_are_left_out_and_the_rest_is_equal_to_the_bit(films, killer, arm, caplog):
    other = killer.with_name("other_killer.avi")
    other.write_bytes(killer.read_bytes())
    # One is read at once, and again last; the other so late that many batches have been handed out before.
    paths = [killer, *(films / name for name in FILMS * 8), other, films / "vp9.webm", films / "vp9.webm", killer]
    with eval_batches(manifest_of(paths), TRAIN, batch_size=2) as batches:
        expected = list(batches)
    assert not batches.failures
    arm("SEGV")
    with eval_batches(manifest_of(paths), TRAIN, batch_size=2, workers=2) as batches:
        found = list(batches)
    assert len(found) == len(expected) == len(batches)
    for batch, sound in zip(found, expected, strict=True):
        kills = np.isin(sound["index"], [0, len(paths) - 4, len(paths) - 1])
        np.testing.assert_array_equal(batch["index"], sound["index"])
        np.testing.assert_array_equal(batch["label"], sound["label"])
        np.testing.assert_array_equal(batch["valid"], sound["valid"] * ~kills)
        np.testing.assert_array_equal(batch["video"][~kills], sound["video"][~kills])
        assert not batch["video"][kills].any()
    why = "it crashes its decoder (SIGSEGV)"
    assert batches.failures == {str(path): f"{path}: {why}" for path in (killer, other)}
    said = [f"a data worker died of {path}, which is left out from now on: {why}" for path in (killer, other)]
    assert caplog.messages == said
    assert not multiprocessing.active_children()


def test_worker_that_dies_of_no_video_ends_the_run_with_the_videos_that_it_was_reading(films, killer, arm, tmp_path):
    # Only the first process to open it dies: alone, the video is read.
    once = str(tmp_path / "once")
    arm("KILL", condition=f"not os.path.exists({once!r}) and not os.mkdir({once!r})")
    with (
        eval_batches(manifest_of([films / "mjpeg.avi", killer]), TRAIN, batch_size=2, workers=1) as batches,
        pytest.raises(UserError, match=rf"exit code -9; it was reading .*{killer}.* fewer workers"),
    ):
        next(batches)


def test_worker_that_was_asked_to_end_accuses_no_video(killer, arm):
    arm("TERM")
    with (
        eval_batches(manifest_of([killer]), TRAIN, batch_size=1, workers=1) as batches,
        pytest.raises(UserError, match=r"exit code -15"),
    ):
        next(batches)


PROGRAM = """
import sys
import numpy as np
from albar_jax.data.loader import ClipSpec, train_batches
from albar_jax.data.manifest import Manifest

def main(path):
    manifest = Manifest((path,), np.zeros(1, np.int32), ("0",), ("0",))
    spec = ClipSpec(num_frames=4, size=24, short_side=32)
    print("started", flush=True)
    with train_batches(manifest, spec, seed=0, batch_size=1, num_steps=10**6, workers=2) as batches:
        for _ in batches:
            pass

if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_is_the_main_process_s_alone_even_while_workers_start(films, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(program), str(films / "mjpeg.avi")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
        text=True,
        start_new_session=True,
    ) as main:
        assert main.stdout.readline() == "started\n"
        time.sleep(0.7)  # the workers are importing
        os.killpg(main.pid, signal.SIGINT)  # as a terminal does
        out, err = main.communicate(timeout=60)
    assert out == "interrupted\n"
    assert err == ""
