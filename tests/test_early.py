"""Ctrl-C at any moment, also while Python imports: real programs, one word, status 130."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax.terminal import early

ROOT = Path(__file__).parent.parent
ALBAR = ["-m", "albar_jax"]
PROGRAMS = {
    "train.py": ["train.py"],
    "evaluate.py": ["evaluate.py"],
    "study.py": ["study.py"],
    **{name: [*ALBAR, name, "--help"] for name in ("prepare", "synthesize", "toy", "convert")},
    **{name: [*ALBAR, name] for name in ("export", "reference-net")},
}
# Signals itself when Python looks for a module, which is while the program imports.
INTERRUPT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


def interrupted_at(module: str, command: list[str], folder: Path) -> tuple[int, str]:
    """Runs a program that gets SIGINT when it imports a module; returns its status and stderr."""
    (folder / "sitecustomize.py").write_text(INTERRUPT.format(name=module))
    path = os.pathsep.join([str(folder), str(ROOT)])
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_while_a_program_imports_is_one_word(program, tmp_path):
    assert interrupted_at("albar_jax.errors", PROGRAMS[program], tmp_path) == (130, "interrupted\n")


@pytest.mark.parametrize("module", ["jax", "albar_jax.wiring"])
def test_ctrl_c_while_a_command_imports_jax_is_one_word(module, tmp_path):
    command = ["train.py", "--config=quickstart:ce", f"--workdir={tmp_path / 'run'}"]
    assert interrupted_at(module, command, tmp_path) == (130, "interrupted\n")


def test_ctrl_c_while_flags_are_read_is_one_word(tmp_path):
    config = tmp_path / "config.py"
    config.write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    command = ["train.py", f"--config={config}", f"--workdir={tmp_path / 'run'}"]
    assert interrupted_at("", command, tmp_path) == (130, "interrupted\n")


def test_ctrl_c_while_a_program_leaves_is_one_word(tmp_path):
    code = "import os, signal, time, atexit, sys; sys.argv[0] = 'train.py'; sys.argv[1:] = []\n"
    code += (
        "from albar_jax import errors; from albar_jax.terminal import early; early.end_at_once()\n"
    )
    code += "atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(60)))\n"
    code += "errors.leave(lambda: 0)\n"
    assert interrupted_at("", ["-c", code], tmp_path) == (130, "interrupted\n")


def test_other_programs_keep_their_ctrl_c(tmp_path):
    code = "import albar_jax, signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert printed.stdout == "True\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("script", "command", "expected"),
    [
        ("-m", ["python", "-m", "albar_jax", "plan", "--config"], True),
        ("-m", ["python", "-P", "-malbar_jax"], True),
        ("-m", ["python", "-m", "pytest", "-m", "albar_jax"], False),
        ("-m", ["python", "-m", "albar_jax.data.check_process", "10"], False),
        ("/anywhere/bin/albar", ["python", "/anywhere/bin/albar", "train"], True),
        (str(ROOT / "train.py"), ["python", "train.py"], True),
        ("/elsewhere/train.py", ["python", "train.py"], False),
        ("", ["python"], False),
    ],
)
def test_only_programs_of_the_package_are_meant(script, command, expected):
    assert early.is_program(script, command) is expected
