"""The direction of imports, the size of files and functions: read from the source, not run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "albar_jax"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = sorted(
    [*ROOT.glob("*.py"), *ROOT.glob("configs/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("fuzz/**/*.py")]
)

# What each part may import of this package. A part may always import from itself.
ANYONE = {
    "class_list_forms",
    "class_names",
    "csv_files",
    "errors",
    "fields",
    "files",
    "flags",
    "inert_pickle",
    "lock",
    "orbax_errors",
    "types",
}
ALLOWED = {
    "class_list_forms": set(),
    "class_names": set(),
    "csv_files": set(),
    "errors": set(),
    "fields": set(),
    "flags": set(),
    "lock": set(),
    "files": set(),
    "inert_pickle": {"data"},
    "orbax_errors": set(),
    "types": set(),
    "global_batch": set(),
    "losses": {"global_batch"},
    "pixels": set(),
    "models": {"global_batch"},
    "methods": {"global_batch", "losses", "pixels"},
    "data": set(),
    "synthesis": {"data"},
    "evaluation": set(),
    "optim": set(),
    "mesh": set(),
    "feed": {"mesh"},
    "coverage": {"mesh"},
    "host_memory": set(),
    "hosts": {"mesh", "roll_call"},
    "roll_call": set(),
    "config": {"config_paths", "evaluation", "methods", "sections"},
    "config_paths": set(),
    "config_changes": set(),
    "sections": set(),
    "studies": {"config", "config_changes", "config_paths", "evaluation"},
    "train_step": {"global_batch", "mesh", "methods", "pixels"},
    "checkpoint": {"checkpoint_checks"},
    "checkpoint_checks": set(),
    "run_log": set(),
    "interrupt": set(),
    "metrics_window": {"run_log"},
    "experiment": {"coverage", "train_step"},
    "train_loop": {
        "checkpoint",
        "experiment",
        "flops",
        "host_memory",
        "hosts",
        "interrupt",
        "metrics_window",
        "run_log",
        "train_step",
    },
    "cli": {"config_paths", "hosts"},
    "collectives": set(),
    "flops": set(),
}
# The command lines of the package, and what only they import.
PROGRAM_PARTS = ("commands", "plan", "reference_net")
WIRING = ("build", *PROGRAM_PARTS)
# Parts that must not need a jax that works: they run in worker processes, or on other people's predictions.
NUMPY_ONLY = ("data/", "synthesis/", "evaluation/")
PREDICT = PACKAGE / "evaluation" / "predict.py"  # The one file there that runs a model.
HEAVY = {"jax", "flax", "optax", "orbax", "torch"}
# UCF101-24's boxes and PyTorch's weights are published as pickles. This file reads them with every name led to an inert
# stand-in of its own, so that nothing in them runs: test_masks_pickle.py and models/test_torch_pickle.py prove it.
READS_PICKLES = PACKAGE / "inert_pickle.py"


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parts_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("albar_jax.")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_flow_one_way(path):
    part = part_of(path)
    if part in (*WIRING, "__init__"):  # It knows everything.
        return
    allowed = ALLOWED[part] | ({"train_step", "host_memory"} if path == PREDICT else set())
    forbidden = parts_imported(path) - allowed - ANYONE - {part}
    assert not forbidden, f"{part} must not import {forbidden}"


def test_no_part_imports_the_wiring():
    for path in SOURCES:
        if part_of(path) not in PROGRAM_PARTS:
            assert not parts_imported(path) & set(WIRING) or part_of(path) == "build", path


@pytest.mark.parametrize("folder", NUMPY_ONLY)
def test_data_synthesis_and_metrics_are_numpy_only(folder):
    files = [path for path in SOURCES if str(path.relative_to(PACKAGE)).startswith(folder)]
    assert files
    for path in files:
        if path != PREDICT:
            used = {name.split(".")[0] for name in imports(path)} & HEAVY
            assert not used, f"{path} imports {used}"
            assert "types" not in parts_imported(path), f"{path} imports jax by way of albar_jax.types"
            assert "albar_jax.evaluation.predict" not in " ".join(imports(path)).replace("predictions", ""), path


@pytest.mark.parametrize("path", [*SOURCES, *PROGRAMS], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    source = path.read_text()
    limit = 350 if path.parent.name == "models" else 250
    assert len(source.splitlines()) <= limit
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and path != ROOT / "configs" / "base.py":
            lines = node.end_lineno - node.lineno + 1
            docstring = ast.get_docstring(node, clean=False) or ""
            assert lines - len(docstring.splitlines()) <= 40, f"{node.name} has {lines} lines"


def test_no_assert_outside_the_tests():
    for path in [*SOURCES, *PROGRAMS]:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Assert), f"{path}:{node.lineno}"


def test_nothing_unpickles_or_calls_a_shell():
    for path in SOURCES:
        source = path.read_text()
        assert "torch.load" not in imports(path), f"{path} hides its calls of torch.load from this test"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert options.get("weights_only") == "True", f"{path}:{node.lineno}"
        for call in ("pickle.load", "Unpickler", "allow_pickle=True", "shell=True", "os.system"):
            allowed = call == "Unpickler" and path == READS_PICKLES
            assert call not in source or allowed, f"{path} has {call}"
