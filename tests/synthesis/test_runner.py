"""Claim: the same seed gives the same bytes.

Neither the number of runs or processes nor an interruption changes them.
"""

import os
import signal
import subprocess
import sys
import time

import pytest
import stand_ins


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    stand_ins.videos(root, 5)
    stand_ins.scuba(root, root / "manifest.csv", root / "first" / "set")
    return root


def hashes(folder):
    return stand_ins.hashes(folder / "set", folder / "set.csv", folder / "set.png")


def make(root, out, *more):
    return stand_ins.scuba(root, root / "manifest.csv", out / "set", *more)


def test_another_run_makes_the_same_bytes_and_another_seed_does_not(root, tmp_path):
    out = root / "again"
    make(root, out)
    assert hashes(out) == hashes(root / "first")
    assert len(hashes(out)) == 12
    make(root, tmp_path, "--seed", 1)
    same = [name for name, digest in hashes(tmp_path).items() if hashes(out)[name] == digest]
    assert not same


def test_a_run_on_a_complete_set_makes_nothing(root):
    files = sorted((root / "first" / "set").glob("*.zip"))
    before = [file.stat().st_mtime_ns for file in files]
    make(root, root / "first")
    assert [file.stat().st_mtime_ns for file in files] == before


def test_two_processes_make_the_same_bytes(root):
    make(root, root / "two", "--jobs", 2)
    assert hashes(root / "two") == hashes(root / "first")


def test_shards_in_any_order_make_the_same_bytes_and_the_last_the_manifest(root, capsys):
    out = root / "shards"
    for shard in ("3/3", "1/3"):
        make(root, out, "--shard", shard)
        assert "are left to other shards" in capsys.readouterr().out
        assert not (out / "set.csv").exists()
    clips = {path.name for path in (out / "set").glob("*.zip")}
    assert clips == {f"clip_{video}__{copy}.zip" for video in (0, 2, 3) for copy in range(2)}
    make(root, out, "--shard", "2/3")
    assert hashes(out) == hashes(root / "first")
    (out / "set.csv").unlink()
    # Any later call completes the set.
    make(root, out, "--shard", "1/7")
    assert hashes(out) == hashes(root / "first")


def test_a_clip_that_was_removed_is_made_again(root):
    make(root, root / "removed")
    for name in ("clip_1__1.zip", "clip_4__0.zip"):
        (root / "removed" / "set" / name).unlink()
    make(root, root / "removed")
    assert hashes(root / "removed") == hashes(root / "first")


def test_more_copies_leave_existing_ones_unchanged(root):
    make(root, root / "more", "--copies", 1)
    make(root, root / "more")
    assert hashes(root / "more") == hashes(root / "first")


DYING = """
import os, signal, sys
from albar_jax import cli
replace, left = os.replace, int(sys.argv[1])

def dying(source, target):
    global left
    left -= str(target).endswith(".zip")
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = dying  # in other processes, too: they import this file
if __name__ == "__main__":
    sys.exit(cli.call("synthesize", sys.argv[2:]))
"""


@pytest.mark.parametrize(("jobs", "status"), [(1, -signal.SIGKILL), (2, 2)])
def test_a_killed_run_resumes_to_the_same_bytes(root, tmp_path, jobs, status):
    """A process is killed before the clip that it writes has its name.

    With a single process this is the run itself.
    """
    (tmp_path / "dying.py").write_text(DYING)
    out = root / f"killed_{jobs}" / "set"
    words = [
        "--manifest",
        root / "manifest.csv",
        "--masks",
        f"npz:{root / 'masks'}",
        "--backgrounds",
        "stripe",
    ]
    words = ["scuba", *map(str, words), "--copies", "2", "--jobs", str(jobs), "--out", str(out)]
    command = [sys.executable, tmp_path / "dying.py", "4", *words]
    run = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    assert run.returncode == status
    assert ("error: a process died" in run.stderr) == (status == 2)
    assert list(out.glob("clip_*.zip"))
    # A part of the clip.
    assert list(out.glob(".*.tmp"))
    assert not out.with_name("set.csv").exists()
    with open(out / ".made" / "1-of-1.jsonl", "ab") as file:
        # The process was killed while it recorded a video.
        file.write(b'["action0/clip_4", [{"id": "act')
    make(root, out.parent)
    # No parts of clips are left.
    assert hashes(out.parent) == hashes(root / "first")


def test_other_settings_do_not_mix_with_existing_clips(root, capsys):
    words = ("--manifest", root / "manifest.csv", "--masks", f"npz:{root / 'masks'}", "--jobs", 1)
    for more, difference in (
        (("--seed", 7), "made with seed 0, not 7"),
        (("--format", "mp4"), "made with format 'zip', not 'mp4'"),
        (("--dilate", 1), "made with rules 'default', not 'dilate=1'"),
    ):
        assert (
            stand_ins.run(
                "scuba", *words, "--backgrounds", "stripe", "--out", root / "first/set", *more
            )
            == 2
        )
        assert difference in capsys.readouterr().err


def test_files_of_others_are_left_alone(root, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").touch()
    words = (
        "--manifest",
        root / "manifest.csv",
        "--masks",
        f"npz:{root / 'masks'}",
        "--backgrounds",
        "stripe",
    )
    assert stand_ins.run("scuba", *words, "--out", tmp_path / "set") == 2
    assert "holds files that were not made here" in capsys.readouterr().err


def test_no_video_that_can_be_used_is_an_error(root, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    words = (
        "--manifest",
        root / "manifest.csv",
        "--masks",
        f"npz:{tmp_path / 'none'}",
        "--backgrounds",
        "stripe",
    )
    assert stand_ins.run("scuba", *words, "--jobs", 1, "--out", tmp_path / "set") == 2
    assert "none of the 5 videos can be used, 'action0/clip_0' first" in capsys.readouterr().err

    # The corrected command is not refused because of the first one.
    words = [
        f"npz:{root / 'masks'}" if word == f"npz:{tmp_path / 'none'}" else word for word in words
    ]
    assert stand_ins.run("scuba", *words, "--jobs", 1, "--out", tmp_path / "set") == 0


def _parents_child(task):
    return os.getpid()


ORPHAN = """
import os, sys, time
from albar_jax.synthesis import workers
import test_runner
if __name__ == "__main__":
    for _, pid in workers.run(test_runner._parents_child, range(8), jobs=2):
        print(pid, flush=True)
        time.sleep(60)
"""


def test_no_process_outlives_a_run_that_is_killed(tmp_path):
    (tmp_path / "main.py").write_text(ORPHAN)
    here = os.path.dirname(__file__)
    path = os.pathsep.join([os.getcwd(), here, os.path.join(os.path.dirname(here), "data")])
    environment = os.environ | {"PYTHONPATH": path}
    run = subprocess.Popen(
        [sys.executable, tmp_path / "main.py"], stdout=subprocess.PIPE, env=environment
    )
    child = int(run.stdout.readline())
    os.kill(child, 0)
    run.kill()
    run.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and os.path.exists(f"/proc/{child}") and _state(child) != "Z":
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{child}") or _state(child) == "Z"


def _state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
