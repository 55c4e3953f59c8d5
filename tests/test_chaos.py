"""Claims about the chaos test: it finds faults of small programs.

Its short form passes on our commands.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Runs in its own process, which ends all processes that its programs leave behind.
TRIAL = """
import json, sys
from pathlib import Path
from chaos import processes
from chaos.commands import Command
from chaos.faults import Fault
from chaos.trial import Laboratory

folder, faults, damages = Path(sys.argv[1]), json.loads(sys.argv[2]), tuple(json.loads(sys.argv[3]))
processes.adopt_orphans()
command = Command("program", str(folder / "program.py"), damages=damages)
laboratory = Laboratory(folder / "lab", limit=(4.0, 1.0))
result = laboratory.disturb(command, [Fault(*fault) for fault in faults])
print(json.dumps([result.verdict, result.findings]))
"""
KILL = ("kill", "main", 0.6, 0.5)
# After a kill, flips a bit in one of the upper seven of eight bytes.
FLIP = ("flip", "main", 0.6, 0.4)
# Writes in ten steps of 0.1 s and resumes.
CAREFUL = """
import os, time
done = int(open("state").read()) if os.path.exists("state") else 0
if os.path.exists("part"):
    os.unlink("part")
for step in range(done, 10):
    time.sleep(0.1)
    with open("part", "w") as file:
        file.write(str(step + 1))
    os.replace("part", "state")
"""
# Assumes that an existing file is complete.
TRUSTING = """
import os, time
if not os.path.exists("out"):
    with open("out", "w", buffering=1) as file:
        for step in range(10):
            time.sleep(0.1)
            file.write(f"{step}\\n")
"""
# Uses a different temporary file for each attempt.
UNTIDY = """
import os, time
name = f"{os.getpid()}.tmp"
open(name, "w").close()
time.sleep(1)
os.replace(name, "out")
"""
# Counts to ten in the lowest of eight bytes and writes all eight.
COUNTING = """
import os, sys, time
total = int.from_bytes(open("state", "rb").read(), "little") if os.path.exists("state") else 0
if os.path.exists("part"):
    os.unlink("part")
while total % 256 < 10:
    time.sleep(0.1)
    total += 1
    with open("part", "wb") as file:
        file.write(total.to_bytes(8, "little"))
    os.replace("part", "state")
with open("out", "w") as file:
    file.write(str(total))
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep({seconds})"])
{wait}
open("out", "w").close()
"""


def trial(folder: Path, program: str, *faults, damages=()) -> tuple[str, str]:
    (folder / "program.py").write_text(program)
    words = [sys.executable, "-c", TRIAL, str(folder), json.dumps(faults), json.dumps(damages)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert not done.returncode, done.stderr
    verdict, findings = json.loads(done.stdout.splitlines()[-1])

    return verdict, "\n".join(findings)


@pytest.mark.parametrize("kind", ["kill", "term", "stop"])
def test_a_program_that_resumes_gives_the_result_of_an_undisturbed_run(tmp_path, kind):
    assert trial(tmp_path, CAREFUL, (kind, "main", 0.5, 0.1), KILL) == ("as undisturbed", "")


def test_an_incomplete_file_that_is_taken_for_complete_is_found(tmp_path):
    assert trial(tmp_path, TRUSTING, KILL) == ("LOST", "out differs")


def test_a_leftover_temporary_file_is_found(tmp_path):
    verdict, findings = trial(tmp_path, UNTIDY, KILL)
    assert verdict == "LOST"
    assert findings.endswith(".tmp is left over")


def test_a_traceback_is_found(tmp_path):
    verdict, findings = trial(tmp_path, CAREFUL, ("int", "main", 0.6, 0.5))
    assert verdict == "LOST"
    assert "a traceback: KeyboardInterrupt" in findings


def test_a_process_left_behind_is_found(tmp_path):
    verdict, findings = trial(
        tmp_path, PARENT.format(seconds=30, wait="time.sleep(1); child.kill()"), KILL
    )
    assert verdict == "LOST"
    assert "left behind: process" in findings


def test_a_hang_is_found(tmp_path):
    wait = "while child.poll() != 0:\n    time.sleep(0.1)"
    verdict, findings = trial(
        tmp_path, PARENT.format(seconds=1, wait=wait), ("kill", "child", 0.5, 0.5)
    )
    assert verdict == "LOST"
    assert "hangs after" in findings


def test_an_undetected_flipped_bit_is_found(tmp_path):
    assert trial(tmp_path, COUNTING, FLIP, damages=["state"]) == (
        "LOST",
        "out differs\nstate differs",
    )


def test_a_flipped_bit_that_the_program_reports_is_not_a_loss(tmp_path):
    checked = COUNTING.replace(
        "while", "if total >> 8:\n    sys.exit('error: state is damaged')\nwhile"
    )
    assert trial(tmp_path, checked, FLIP, damages=["state"]) == ("named", "")


def test_short_form(tmp_path):
    """Prepares videos with a kill and then with a full disk; `make chaos` tests every command."""
    words = [sys.executable, "-m", "chaos", "--command", "prepare", "--seed", "47", "--trials", "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert not done.returncode, done.stdout + done.stderr
    assert "| prepare | 1 |" in done.stdout
