"""Claim: after a kill, repeating the command removes the leftovers and writes the same files."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

from albar_jax.files import replacing, write_text
from albar_jax.models import PRESETS, create
from albar_jax.storage import temporary
from albar_jax.storage.temporary import SUFFIX
from albar_jax.weights.converted import load_converted, save_converted
from albar_jax.weights.torch_names import flatten

ROOT = Path(__file__).parent.parent
# Runs a module, kills its process at the n-th rename instead of renaming, and counts the renames.
DYING = """
import os, runpy, signal, sys
at, count, calls = int(sys.argv[1]), sys.argv[2], 0

def dying(rename):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(*arguments, **options)
    return call

os.replace, os.rename = dying(os.replace), dying(os.rename)
sys.argv = ["albar", *sys.argv[3:]]
from albar_jax import cli
try:
    cli.main()
finally:
    with open(count, "w") as file:
        file.write(str(calls))
"""


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


def run(words, at: int, count: Path) -> int:
    """Runs a command that is killed at a rename; returns its exit status."""
    script = count.with_name("dying.py")
    script.write_text(DYING)
    done = subprocess.run(
        [sys.executable, script, str(at), count, *map(str, words)], cwd=ROOT, capture_output=True
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def contents(folder: Path) -> dict[str, str]:
    """Returns name -> digest of all files, including hidden ones; for converted weights, digests of the arrays."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if not name.startswith("new/weights/"):
            # Journals have a blank line for each start of a command, and absolute paths.
            content = (
                path.read_bytes()
                .replace(os.fsencode(folder), b"OUT")
                .replace(b"\n\n", b"\n")
                .strip()
            )
            found[name] = hashlib.sha256(content).hexdigest()
    if (folder / "new" / "weights").exists():
        arrays = flatten(load_converted(folder / "new" / "weights")[1])
        found |= {
            name: hashlib.sha256(np.asarray(array).tobytes()).hexdigest()
            for name, array in arrays.items()
        }
    return found


@pytest.mark.parametrize("writer", ["quickstart", "prepare", "synthesize", "convert", "to_torch"])
def test_repeating_a_killed_command_removes_all_leftovers(writer, source, world_dir, tmp_path):
    count = tmp_path / "count"
    assert run(command(writer, source, world_dir, tmp_path / "whole"), 0, count) == 0
    renames = int(count.read_text())
    words = command(writer, source, world_dir, tmp_path / "killed")
    # At a random rename, and at the last of the remaining ones.
    for at in (random.Random(writer).randint(1, renames), int(count.read_text())):
        if run(words, at, count) == 0:
            break
        assert list((tmp_path / "killed").rglob(f".*{SUFFIX}"))
    assert run(words, 0, count) == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    # After a kill after the last write, nothing is left to do.
    assert run(words, 0, count) == 0
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
    threads = [
        threading.Thread(target=write_text, args=(tmp_path / "file", text)) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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
