"""Claim: processes with different code do not train together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax.parallel import same_code

ROOT = Path(__file__).parent.parent


def test_equal_code_has_no_differences():
    assert same_code.differences(same_code.identity(), same_code.identity()) == []


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("albar_jax/methods/losses.py", "0" * 16, "albar_jax/methods/losses.py"),
        ("jaxlib", "0.1", "jaxlib: {} -> 0.1"),
        ("python", "3.99.0", "python: {} -> 3.99.0"),
        (
            "XLA_FLAGS",
            "--xla_cpu_enable_fast_math=true",
            "XLA_FLAGS: {} -> --xla_cpu_enable_fast_math=true",
        ),
        ("jax_enable_x64", "True", "jax_enable_x64: {} -> True"),
    ],
)
def test_what_differs_is_named(name, value, phrase):
    first = same_code.identity()
    expected = phrase.format(first[name] or "unset")
    assert same_code.differences(first, first | {name: value}) == [expected]


def test_a_file_that_only_one_has_differs():
    first = same_code.identity()
    assert same_code.differences(first, first | {"albar_jax/more.py": "0"}) == ["albar_jax/more.py"]


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import my_methods
from albar_jax.parallel import same_code
print(same_code.identity()["module my_methods"], same_code.identity()["XLA_FLAGS"])
"""


def identity_with(folder: Path, text: str, **variables: str) -> str:
    folder.mkdir()
    (folder / "my_methods.py").write_text(text)
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    return done.stdout


def test_user_modules_and_xla_options_count_but_not_their_paths_or_dump_folders(tmp_path):
    flags = "--xla_cpu_enable_fast_math=true"
    first = identity_with(tmp_path / "a", "WEIGHT = 1.0", XLA_FLAGS=flags)
    assert first == identity_with(
        tmp_path / "b", "WEIGHT = 1.0", XLA_FLAGS=f"--xla_dump_to=/tmp/x {flags}"
    )
    assert first != identity_with(tmp_path / "c", "WEIGHT = 2.0", XLA_FLAGS=flags)
    assert first != identity_with(tmp_path / "d", "WEIGHT = 1.0", XLA_FLAGS="")
