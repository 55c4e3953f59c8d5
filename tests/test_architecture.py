"""The direction of imports, the size of files and functions: read from the source, not run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "albar_jax"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = sorted(
    [
        path
        for place in ("*.py", "configs/**/*.py", "benchmarks/**/*.py", "chaos/**/*.py", "fuzz/**/*.py")
        for path in ROOT.glob(place)
    ]
)

# What each part may import of this package. A part may always import from itself.
ANYONE = {
    "budget",
    "class_list_forms",
    "class_names",
    "csv_files",
    "early",
    "errors",
    "escapes",
    "fields",
    "files",
    "flags",
    "inert_pickle",
    "journal_lines",
    "inside",
    "json_files",
    "last",
    "lock",
    "orbax_errors",
    "seals",
    "temporary",
    "processes",
    "pickle_limits",
    "types",
}
ALLOWED = {
    "budget": set(),
    "class_list_forms": set(),
    "class_names": set(),
    "csv_files": set(),
    "early": set(),
    "last": set(),
    "errors": set(),
    "escapes": set(),
    "fields": set(),
    "flags": set(),
    "lock": set(),
    "files": set(),
    "inside": set(),
    "inert_pickle": {"data"},
    "journal_lines": set(),
    "json_files": set(),
    "orbax_errors": set(),
    "temporary": set(),
    "sealed_path": set(),
    "seals": set(),
    "processes": set(),
    "pickle_limits": set(),
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
    "gate": set(),
    "listening": set(),
    "hosts": {"gate", "listening", "mesh", "roll_call", "same_code"},
    "roll_call": {"gate", "listening"},
    "same_code": set(),
    "config": {"config_paths", "evaluation", "methods", "sections"},
    "config_paths": set(),
    "config_changes": set(),
    "sections": set(),
    "studies": {"config", "config_changes", "config_paths", "evaluation", "run_summary"},
    "train_step": {"global_batch", "mesh", "methods", "pixels"},
    "checkpoint": {"checkpoint_checks", "checkpoint_health", "saved_meta", "sealed_path"},
    "checkpoint_health": {"hosts"},
    "checkpoint_checks": set(),
    "run_log": set(),
    "run_summary": set(),
    "saved_meta": {"experiment"},
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
        "saved_meta",
        "train_step",
    },
    "cli": {"config_paths", "damaged_programs", "hosts"},
    "damaged_programs": set(),
    "collectives": set(),
    "flops": set(),
}
# The command lines of the package, and what only they import.
PROGRAM_PARTS = ("commands", "plan", "reference_net")
WIRING = ("build", *PROGRAM_PARTS)
# Parts that must not need a jax that works: they run in worker processes, or on other people's predictions.
NUMPY_ONLY = ("data/", "synthesis/", "evaluation/", "processes/")
PREDICT = PACKAGE / "evaluation" / "predict.py"  # The one file there that runs a model.
HEAVY = {"jax", "flax", "optax", "orbax", "torch"}
# UCF101-24's boxes and PyTorch's weights are published as pickles. This file reads them with every name led to an inert
# stand-in of its own, so that nothing in them runs: test_masks_pickle.py and models/test_torch_pickle.py prove it.
READS_PICKLES = (PACKAGE / "inert_pickle.py", PACKAGE / "pickle_limits.py")
# Workers and their main process exchange pickles through sockets that no other process can access.
TALKS_TO_CHILDREN = PACKAGE / "processes"


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
            allowed = call == "Unpickler" and path in READS_PICKLES
            allowed |= call == "pickle.load" and path.parent == TALKS_TO_CHILDREN
            assert call not in source or allowed, f"{path} has {call}"


def test_everything_printed_is_escaped():
    """Only `escapes` prints, and one function writes tables, so untrusted names cannot forge a line."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            prints = ("print", "sys.stdout.write", "sys.stderr.write", "tqdm.write", "shlex.quote", "shlex.join")
            assert called not in prints or path.name in ("escapes.py", "check.py"), f"{path}:{node.lineno}"
            assert called != "csv.writer" or path.name == "csv_files.py", f"{path}:{node.lineno}"


# Functions that run or import what a string names; allowed for a user's study and for packing, which reads no folder.
RUNS_CODE = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "importlib.import_module",
    "importlib.util.spec_from_file_location",
    "runpy.run_path",
    "yaml.load",
    "str.format_map",
}
MAY_RUN_CODE = {PACKAGE / "studies" / "base.py": {"importlib.util.spec_from_file_location"}}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_says_what_is_run(path):
    for call in calls(path):
        function = ast.unparse(call.func)
        is_written_here = bool(call.args) and isinstance(call.args[0], ast.Constant)
        if (function in RUNS_CODE or function.endswith(".format_map")) and not is_written_here:
            assert function in MAY_RUN_CODE.get(path, set()), f"{path}:{call.lineno} calls {function}"
        # Otherwise Pillow would run Ghostscript, and numpy would unpickle.
        options = {keyword.arg for keyword in call.keywords}
        assert function != "Image.open" or "formats" in options, f"{path}:{call.lineno} opens pictures of any format"
        assert function != "np.load" or "allow_pickle" in options, f"{path}:{call.lineno} leaves allow_pickle open"


def test_only_packing_imports_tensorflow_datasets():
    users = [path.name for path in SOURCES if any(name.startswith("tensorflow_datasets") for name in imports(path))]
    assert users == ["record_builder.py"]
