"""Claim: after a kill, repeating the command removes the leftovers and writes the same files."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

from albar_jax.files import replacing, write_text
from albar_jax.models import PRESETS, create
from albar_jax.storage import temporary
from albar_jax.storage.temporary import SUFFIX
from albar_jax.weights.converted import load_converted, save_converted
from albar_jax.weights.trees import flatten

ROOT = Path(__file__).parent.parent
# Imports the libraries of all commands once, then runs commands in forked processes. Reads lines of
# JSON: the number of a rename, and the words of a command. Kills the command's process at this
# rename, instead of renaming. Answers with the exit status and the number of renames.
FORKING = """
import json, os, signal, sys
import albar_jax.wiring.run_convert, albar_jax.data.prepare.folder, albar_jax.synthesis.sets
import albar_jax.toy.quickstart
from albar_jax import cli

def run(at, words, output):
    calls = 0

    def dying(rename):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(*arguments, **options)
        return call

    os.replace, os.rename = dying(os.replace), dying(os.rename)
    status = 0
    try:
        status = cli.run(words)
    except SystemExit as ending:
        status = ending.code or 0
    finally:
        os.write(output, str(calls).encode())
    sys.stdout.flush()
    os._exit(status)

for line in sys.stdin:
    at, words = json.loads(line)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # The answers have the stream to themselves.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        run(at, words, writing)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    calls = os.read(reading, 100).decode()
    os.close(reading)
    print(json.dumps([os.waitstatus_to_exitcode(status), calls]), flush=True)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Returns a function that runs a command and kills it at a rename.

    The function takes the words of the command and the number of the rename, 0 for none. It
    returns the exit status and the number of renames, "" if the command was killed.
    """
    log = tmp_path_factory.mktemp("log") / "stderr"
    with log.open("w") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", FORKING],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def ask(words, at: int) -> tuple[int, str]:
        server.stdin.write(json.dumps([at, list(map(str, words))]) + "\n")
        server.stdin.flush()
        status, renames = json.loads(server.stdout.readline() or "[1, 0]")
        assert status in (0, -signal.SIGKILL), log.read_text()
        return status, renames

    yield ask
    server.communicate("")


@pytest.fixture(scope="module")
def source(world_dir, tmp_path_factory) -> Path:
    """Makes videos in class folders and converted weights; returns their folder."""
    folder = tmp_path_factory.mktemp("source")
    for number, video in enumerate(sorted((world_dir / "videos" / "train").iterdir())[:4]):
        target = folder / "videos" / f"class{number % 2}" / video.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, target)

    config = PRESETS["micro"]
    save_converted(folder / "weights", config, create(config, jax.random.key(0))[1])
    return folder


def command(writer: str, source: Path, world: Path, out: Path) -> list[str]:
    clips = [
        "--manifest",
        world / "manifest.csv",
        "--split",
        "test",
        "--masks",
        f"npz:{world / 'masks'}",
    ]
    return {
        "quickstart": [
            "toy",
            "quickstart",
            "--train",
            "8",
            "--test",
            "8",
            "--out",
            out / "data",
        ],
        "prepare": [
            "prepare",
            "folder",
            "--videos",
            source / "videos",
            "--out",
            out / "data",
        ],
        "synthesize": [
            "synthesize",
            "scuba",
            *clips,
            "--backgrounds",
            "stripe",
            "--jobs",
            "1",
            "--out",
            out,
        ],
        "convert": [
            "convert",
            source / "weights",
            "--out",
            out / "new" / "weights",
        ],
        "to_torch": [
            "convert",
            source / "weights",
            "--to-torch",
            "--out",
            out / "new.safetensors",
        ],
    }[writer]


def contents(folder: Path) -> dict[str, str]:
    """Returns name -> digest of all files, also hidden ones; of the arrays of converted weights."""
    digests = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if name.startswith("new/weights/"):
            continue

        # Journals have a blank line for each start of a command, and absolute paths.
        content = path.read_bytes().replace(os.fsencode(folder), b"OUT")
        content = content.replace(b"\n\n", b"\n").strip()
        digests[name] = hashlib.sha256(content).hexdigest()

    if (folder / "new" / "weights").exists():
        arrays = flatten(load_converted(folder / "new" / "weights")[1])
        for name, array in arrays.items():
            digests[name] = hashlib.sha256(np.asarray(array).tobytes()).hexdigest()

    return digests


@pytest.mark.parametrize("writer", ["quickstart", "prepare", "synthesize", "convert", "to_torch"])
def test_repeating_a_killed_command_removes_all_leftovers(writer, run, source, world_dir, tmp_path):
    status, renames = run(command(writer, source, world_dir, tmp_path / "whole"), 0)
    assert status == 0

    words = command(writer, source, world_dir, tmp_path / "killed")
    last = int(renames)
    # At a random rename, and at the last of the remaining ones.
    for at in (random.Random(writer).randint(1, last), last):
        status, _ = run(words, at)
        if status == 0:
            break
        assert list((tmp_path / "killed").rglob(f".*{SUFFIX}"))

    status, _ = run(words, 0)
    assert status == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")

    # After a kill after the last write, nothing is left to do.
    status, _ = run(words, 0)
    assert status == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


KILLED = """
import os, signal, sys
from albar_jax.files import write_text
os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
write_text(sys.argv[1], "new")
"""


def test_the_next_writer_of_a_file_removes_the_leftover_of_a_killed_one(tmp_path):
    for name in ("file", "n" * 250):
        subprocess.run([sys.executable, "-c", KILLED, tmp_path / name], cwd=ROOT)
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        write_text(tmp_path / name, "newer")
        assert [path.name for path in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


HOLDING = """
import sys
from albar_jax.files import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("theirs")
    print("writes", flush=True)
    sys.stdin.read()
"""


def test_the_temporary_file_of_a_live_process_is_not_touched(tmp_path):
    words = [sys.executable, "-c", HOLDING, tmp_path / "file"]
    other = subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "writes\n"
    write_text(tmp_path / "file", "ours")
    temporary.remove_leftovers(tmp_path)
    assert (tmp_path / "file").read_text() == "ours"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".file{SUFFIX}", "file"]
    other.communicate("")
    assert other.returncode == 0
    assert (tmp_path / "file").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_threads_that_write_the_same_file_leave_one_complete_file(tmp_path):
    texts = [str(number) * 10_000 for number in range(8)]
    for _ in range(20):
        with ThreadPoolExecutor(len(texts)) as pool:
            # `list` raises the error of any thread.
            list(pool.map(lambda text: write_text(tmp_path / "file", text), texts))
        assert (tmp_path / "file").read_text() in texts
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "make", [lambda name, other: name.symlink_to(other), lambda name, other: name.mkdir()]
)
def test_a_foreign_file_or_link_with_a_temporary_name_is_neither_followed_nor_removed(
    tmp_path, make
):
    (tmp_path / "diary").write_text("mine")
    make(tmp_path / f".file{SUFFIX}", tmp_path / "diary")
    write_text(tmp_path / "file", "new")
    temporary.remove_leftovers(tmp_path)
    assert (tmp_path / "diary").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".file{SUFFIX}", "diary", "file"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file") as partial:
        partial.write_text((tmp_path / "gone").read_text())

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}
