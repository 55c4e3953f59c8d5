"""Claim: damaged programs in the cache are compiled again; those of other users are not used."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax.wiring import program

ROOT = Path(__file__).parent.parent
COMPUTE = """
import jax, jax.numpy as jnp
from albar_jax.wiring import program
program.CACHE_BYTES = 0
program.keep_compiled()
function = jax.jit(lambda x: jnp.sin(x @ x).sum())
print(jax.config.jax_compilation_cache_dir, float(function(jnp.ones((8, 8)))))
"""


def compute(cache: Path) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"
    }
    environment |= {"XDG_CACHE_HOME": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    words = [sys.executable, "-c", COMPUTE]
    return subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-cache"))


def test_damaged_programs_are_compiled_again(tmp_path):
    folder = tmp_path / "albar_jax" / "compiled"
    said = compute(tmp_path)
    assert said.startswith(str(folder))
    assert entries(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    draw = random.Random(0)
    for path in entries(folder):
        content = bytearray(path.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    assert compute(tmp_path) == said
    for path in entries(folder):
        os.truncate(path, path.stat().st_size // 2)
    assert compute(tmp_path) == said


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Returns a function that enables the cache and returns JAX's cache folder, "" for none."""
    told = []
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(program, "CACHE_BYTES", 0)
    monkeypatch.setattr(program.jax.config, "update", lambda name, value: told.append(value))

    def keep() -> str:
        told.clear()
        program.keep_compiled()
        return "".join(told)

    return keep


def test_a_folder_that_others_could_write_to_is_emptied_and_closed(kept, tmp_path):
    folder = tmp_path / "albar_jax" / "compiled"
    folder.mkdir(parents=True)
    (folder / "planted-cache").touch()
    folder.chmod(0o777)
    assert kept() == str(folder)
    assert not list(folder.iterdir())
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_another_user_and_a_link_are_not_used(kept, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "albar_jax" / "compiled"
    folder.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert kept() == ""
    folder.unlink()
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert kept() == ""
    assert (
        capsys.readouterr().err.count(
            "is not a folder of this user, so compiled programs are not cached"
        )
        == 2
    )
