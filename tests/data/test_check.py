"""Claim: every file gets a verdict, even if it crashes or blocks the process that reads it."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from albar_jax.data import check, check_process
from albar_jax.errors import UserError


def verdicts(paths, **options) -> dict[str, check.Verdict]:
    results = list(check.check(map(str, paths), **{"jobs": 2, "deadline": 30} | options))
    assert len(results) == len(paths)
    return {verdict.path: verdict for verdict in results}


def worker_processes(word: str) -> list[int]:
    """Returns the processes of checks whose deadline is `word`."""
    lines = subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [int(line.split()[0]) for line in lines if f"{check_process.__name__} {word}" in line]


def test_frames_are_counted_by_decoding(films):
    frames = {"h264_trimmed.mp4": 32, "mjpeg.avi": 20, "vp9.webm": 60, "xvid_bframes.avi": 58}
    results = verdicts([films / name for name in frames])
    for name, count in frames.items():
        assert results[str(films / name)] == check.Verdict(str(films / name), count, "")


def test_reason_is_the_decoders_without_the_path(films, tmp_path):
    data = (films / "h264_gop250.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.avi").touch()
    # A damaged middle: header and number of frames are intact, so only decoding finds the damage.
    middle = len(data) // 2
    (tmp_path / "damaged.mp4").write_bytes(data[:middle] + bytes(2000) + data[middle + 2000 :])
    results = verdicts([*tmp_path.iterdir(), tmp_path / 'no\n"such".avi'])
    for verdict in results.values():
        assert verdict.frames == 0, verdict
        assert verdict.reason
        assert not verdict.crashed
        assert str(tmp_path) not in verdict.reason
    assert results[str(tmp_path / "empty.avi")].reason == "the file is empty"
    assert results[str(tmp_path / 'no\n"such".avi')].reason == "No such file or directory"


def test_frames_are_read_in_pieces_of_bounded_memory(films, monkeypatch):
    count = check_process._read_all(str(films / "xvid_bframes.avi"))
    monkeypatch.setattr(check_process, "READ_BYTES", 7 * 112 * 160 * 3)
    assert check_process._read_all(str(films / "xvid_bframes.avi")) == count == 58


def test_file_that_hangs_is_bad_and_the_others_are_read(films, hanging):
    start = time.monotonic()
    results = verdicts([hanging, *films.iterdir()], deadline=2)
    assert results.pop(hanging) == check.Verdict(
        hanging, 0, "it takes longer than 2 s to read", crashed=False
    )
    assert not any(verdict.reason for verdict in results.values())
    assert time.monotonic() - start < 10


def strike(number: int, *, times: int, then=lambda: None) -> threading.Thread:
    """Starts a thread that sends a signal to some checking processes with the deadline 47."""

    def run():
        struck = set()
        while len(struck) < times:
            for process in set(worker_processes("47")) - struck:
                os.kill(process, number)
                struck.add(process)
            time.sleep(0.05)
        then()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_file_that_crashes_its_process_is_bad_and_the_others_are_read(films, hanging):
    striker = strike(signal.SIGSEGV, times=1)
    results = verdicts([hanging, *films.iterdir()], jobs=1, deadline=47)
    striker.join()
    assert results[hanging] == check.Verdict(
        hanging, 0, "it crashes its decoder (SIGSEGV)", crashed=True
    )
    assert sum(not verdict.reason for verdict in results.values()) == len(results) - 1


# The last one has no name.
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGRTMIN + 3]
)
def test_file_whose_process_is_killed_once_is_read_by_another(films, hanging, number):
    hanging.write((films / "mjpeg.avi").read_bytes())
    striker = strike(number, times=1, then=hanging.release)
    results = verdicts([hanging, films / "mjpeg.avi"], jobs=1, deadline=47)
    striker.join()
    assert [verdict.frames for verdict in results.values()] == [20, 20]


def test_file_whose_process_is_killed_twice_is_left_out_and_the_others_are_read(films, hanging):
    striker = strike(signal.SIGKILL, times=2)
    results = verdicts([hanging, *films.iterdir()], jobs=1, deadline=47)
    striker.join()
    assert "killed twice (SIGKILL), perhaps because memory is short" in results[hanging].reason
    assert results[hanging].killed
    assert not results[hanging].crashed
    assert sum(not verdict.reason for verdict in results.values()) == len(results) - 1


def test_no_process_is_left_when_the_reading_stops(films, hanging):
    results = check.check([str(films / "mjpeg.avi"), hanging], jobs=2, deadline=53)
    assert next(results).frames == 20
    assert len(worker_processes("53")) == 2
    results.close()
    assert not worker_processes("53")


def test_hanging_process_ends_even_if_the_main_one_is_killed(hanging):
    code = (
        f"from albar_jax.data.check import check; list(check([{hanging!r}], jobs=1, deadline=2.5))"
    )
    root = pathlib.Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root) as main:
        while not worker_processes("2.5"):
            time.sleep(0.05)
        main.kill()
    deadline = time.monotonic() + 10
    while worker_processes("2.5"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_only_the_main_process_handles_ctrl_c(films):
    code = "import signal; signal.signal(signal.SIGINT, lambda *_: None); "
    code += "from albar_jax.data.check import check; "
    code += (
        f"print([v.frames for v in check([{str(films / 'mjpeg.avi')!r}] * 3, jobs=1, deadline=43)])"
    )
    command, root = [sys.executable, "-c", code], pathlib.Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, start_new_session=True, cwd=root
    ) as main:
        while not worker_processes("43"):
            time.sleep(0.02)
        while main.poll() is None:
            os.killpg(main.pid, signal.SIGINT)
            time.sleep(0.02)
        assert main.stdout.read() == b"[20, 20, 20]\n"


def test_processes_do_not_import_jax():
    code = "import sys, albar_jax.data.check; "
    code += "print(*{'jax', 'grain', 'flax', 'tensorflow'} & set(sys.modules))"
    root = pathlib.Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert result.stdout.strip() == ""


def test_a_module_in_the_current_folder_is_not_imported(films, tmp_path):
    """Python looks there first for modules that `-m` needs, but the folder may be untrusted."""
    (tmp_path / "numpy.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    program = tmp_path / "programs" / "check.py"
    program.parent.mkdir()
    program.write_text(
        "import sys\nfrom albar_jax.data.check import check\n"
        "print([verdict.reason for verdict in check(sys.argv[1:], jobs=1, deadline=60)])\n"
    )
    command = [sys.executable, program, films / "mjpeg.avi"]
    env = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "['']\n", done.stderr
    assert not (tmp_path / "trace").exists()


def test_processes_that_cannot_start_are_no_verdict_on_a_file(films, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(
        UserError,
        match="ends with status 1; .*/bin/false -m albar_jax.data.check_process .* shows why",
    ):
        list(check.check([str(films / "mjpeg.avi")], jobs=1, deadline=5))


def test_a_process_that_ends_as_it_starts_is_started_once_more(films, tmp_path, monkeypatch):
    """A signal during its imports ends it with status 1."""
    program = tmp_path / "python"
    started = tmp_path / "started"
    program.write_text(
        f'#!/bin/sh\n[ -e {started} ] && exec {sys.executable} "$@"\ntouch {started}\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    results = verdicts([films / "mjpeg.avi"], jobs=1, deadline=30)
    assert [(verdict.frames, verdict.reason) for verdict in results.values()] == [(20, "")]


def test_a_stopped_process_is_continued(films, capfd):
    """A stopped process does not receive its alarm either."""

    def stop() -> None:
        while not (processes := worker_processes("29.5")):
            time.sleep(0.01)
        os.kill(processes[0], signal.SIGSTOP)

    thread = threading.Thread(target=stop)
    thread.start()
    results = verdicts([films / "mjpeg.avi"], jobs=1, deadline=29.5)
    thread.join()
    assert [verdict.frames for verdict in results.values()] == [20]
    assert "is stopped (state T); continuing it" in capfd.readouterr().err
