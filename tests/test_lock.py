"""Claim: one process at a time writes to a folder; real processes are killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from albar_jax import files
from albar_jax.errors import UserError
from albar_jax.storage.lock import FILE, HeldError, holder, locked, working_in, writing

ROOT = Path(__file__).parent.parent
HOLD = """
import sys, time
from albar_jax.storage.lock import working_in
with working_in(sys.argv[1], "--workdir"):
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holding():
    """Returns a function that starts a process which holds the lock of a folder."""
    started = []

    def start(folder: Path) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "holds\n"

        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_who_holds_the_folder_and_since_when(tmp_path, holding):
    first = holding(tmp_path)
    with pytest.raises(HeldError) as caught, working_in(tmp_path, "--workdir"):
        pass

    sentence = str(caught.value)
    assert f"at work in {tmp_path}: process {first.pid} " in sentence
    assert f"on {os.uname().nodename}, since 20" in sentence
    assert f"delete {tmp_path / FILE}" in sentence
    assert holder(tmp_path / FILE) is not None


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holding):
    first = holding(tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (tmp_path / FILE).exists()
    assert holder(tmp_path / FILE) is None

    with working_in(tmp_path, "--workdir"):
        assert json.loads((tmp_path / FILE).read_text())["process"] == os.getpid()

    assert not (tmp_path / FILE).exists()


WAIT = """
import os, sys
from albar_jax.storage.lock import locked
with locked(sys.argv[1], wait=True):
    assert os.path.exists(sys.argv[1])
"""


def test_who_waits_for_a_file_that_is_removed_locks_a_new_one(tmp_path, holding):
    first = holding(tmp_path)
    waiting = subprocess.Popen([sys.executable, "-c", WAIT, tmp_path / FILE], cwd=ROOT)
    time.sleep(1)
    assert waiting.poll() is None
    (tmp_path / FILE).unlink()
    first.kill()
    assert waiting.wait(20) == 0


def test_a_folder_that_stays_empty_is_removed_again(tmp_path):
    with pytest.raises(UserError, match="a mistake"), working_in(tmp_path / "a" / "b", "--workdir"):
        raise UserError("a mistake")

    assert not (tmp_path / "a").exists()
    with working_in(tmp_path / "a" / "b", "--workdir") as folder:
        (folder / "kept").touch()

    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["kept"]


def test_two_outputs_in_one_folder_do_not_exclude_each_other(tmp_path):
    with (
        writing(tmp_path / "one.pth"),
        writing(tmp_path / "two.pth"),
        pytest.raises(HeldError),
        writing(tmp_path / "one.pth"),
    ):
        pass

    assert not list(tmp_path.iterdir())


def test_a_mount_that_keeps_locks_to_itself_is_told(tmp_path, monkeypatch, capsys):
    number = os.stat(tmp_path).st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    options = "rw,local_lock=all,vers=4.2"
    line = f"36 25 {device} / /mnt rw,relatime - nfs4 host:/x {options}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(line + "\n")
    monkeypatch.setattr(files, "_MOUNTS", mounts)

    with locked(tmp_path / FILE):
        assert (
            "does not hold on other machines: it is mounted with local_lock=all"
            in capsys.readouterr().err
        )

    mounts.write_text(line.replace("local_lock=all", "local_lock=none") + "\n")
    with locked(tmp_path / FILE):
        assert capsys.readouterr().err == ""


def test_a_lock_of_another_user_is_one_sentence(tmp_path):
    if os.getuid() == 0:
        pytest.skip("root may open every file")

    (tmp_path / FILE).touch(0o400)
    with pytest.raises(UserError, match="another user made it"), locked(tmp_path / FILE):
        pass
