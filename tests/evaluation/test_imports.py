"""Claim: evaluation and report can be used without JAX and PyTorch."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "albar_jax"


def modules_of(wing):
    """Returns the names of all modules of a wing."""
    paths = sorted((PACKAGE / wing).rglob("*.py"))
    return [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths]


@pytest.mark.parametrize("wing", ["evaluation", "report"])
def test_no_module_loads_jax_or_torch(wing):
    modules = [name.removesuffix(".__init__") for name in modules_of(wing)]
    assert f"albar_jax.{wing}" in modules

    program = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
print(sorted({{"jax", "flax", "torch"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert output == "[]\n"
