"""Claim: a truncated program in the compilation cache is replaced, with one note."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMPUTE = """
import warnings
import jax, jax.numpy as jnp
from albar_jax.train.damaged_programs import replace_damaged_programs
replace_damaged_programs()
print(float(jax.jit(lambda x: jnp.sin(x @ x).sum())(jnp.ones((8, 8)))))
warnings.warn("another")
"""


def compute(cache: Path) -> tuple[str, str]:
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPUTE], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert "UserWarning: another" in done.stderr

    return done.stdout, done.stderr


def test_a_truncated_program_is_replaced(tmp_path):
    computed, _ = compute(tmp_path)
    (program,) = tmp_path.glob("jit__lambda*-cache")
    size = program.stat().st_size
    os.truncate(program, size // 2)
    again, printed = compute(tmp_path)
    assert again == computed
    assert printed.count("note: a compiled program in") == 1
    assert "compilation cache" not in printed
    assert program.stat().st_size == size
    assert "note:" not in compute(tmp_path)[1]
