"""The direction of imports, the size of files and functions: read from the source, not run."""

import ast
import graphlib
from collections.abc import Collection
from pathlib import Path

import pytest

from albar_jax import cli

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "albar_jax"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = sorted(
    [
        path
        for place in (
            "*.py",
            "configs/**/*.py",
            "benchmarks/**/*.py",
            "chaos/**/*.py",
            "fuzz/**/*.py",
        )
        for path in ROOT.glob(place)
    ]
)

# Every wing may import these. They depend on each other only without circles.
BASE = {"errors", "files", "processes", "schema", "storage", "terminal", "types"}
# What each other wing may import besides. A wing may always import from itself.
ALLOWED = {
    **{wing: set() for wing in BASE},
    "parallel": set(),
    "profiling": set(),
    "models": {"parallel"},
    "weights": {"models", "parallel"},
    "methods": {"parallel"},
    "attribution": set(),
    "data": set(),
    "masks": {"data"},
    "synthesis": {"data", "masks"},
    "toy": {"data", "masks", "synthesis"},
    "evaluation": set(),
    "report": {"evaluation"},
    "features": {"data"},
    "train": {"methods", "parallel", "profiling"},
    "downstream": {"data", "evaluation", "features", "train", "weights"},
    "config": {"evaluation", "methods"},
    "studies": {"config", "evaluation", "train"},
    # Above `wiring`, which builds our own models and the page.
    "audit": {
        "config",
        "data",
        "evaluation",
        "parallel",
        "report",
        "train",
        "weights",
        "wiring",
    },
    "wiring": {
        "attribution",
        "config",
        "data",
        "downstream",
        "evaluation",
        "features",
        "masks",
        "methods",
        "models",
        "parallel",
        "profiling",
        "report",
        "studies",
        "train",
        "weights",
    },
}
# The doors: the command line and the public API. They may import anything; no wing imports them.
# The package itself imports the public names on their first use; see test_api.py.
DOORS = ("__init__", "__main__", "cli", "commands", "library")
# These need no jax: they run in worker processes, or on other people's predictions.
NUMPY_ONLY = (
    "data/",
    "evaluation/",
    "features/",
    "masks/",
    "processes/",
    "report/",
    "synthesis/",
    "toy/",
)
# Statements, so that blank lines and comments are free.
LONGEST_FUNCTION = 25
LONGEST_FILE = 150
HEAVY = {"jax", "flax", "optax", "orbax", "torch"}
# UCF101-24's boxes and PyTorch's weights are published as pickles. These files replace every name
# in a pickle by an inert stand-in, so that nothing in it runs; see test_masks_pickle.py and
# models/test_torch_pickle.py.
READS_PICKLES = (
    PACKAGE / "storage" / "inert_pickle.py",
    PACKAGE / "storage" / "pickle_limits.py",
)
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


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules_imported(path: Path, known: Collection[str]) -> set[str]:
    """Names of the modules of this package that a file imports."""
    nearest = {name if name in known else name.rpartition(".")[0] for name in imports(path)}
    return nearest & set(known) - {module_name(path)}


def parts_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("albar_jax.")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_flow_one_way(path):
    wing = part_of(path)
    if wing not in DOORS:
        forbidden = parts_imported(path) - ALLOWED[wing] - BASE - {wing}
        assert not forbidden, f"{wing} must not import {forbidden}"


def test_every_sub_command_has_one_file_and_every_file_is_one():
    files = {path.stem for path in (PACKAGE / "commands").glob("*.py")} - {"__init__"}
    assert files == {name.replace("-", "_") for name in cli.COMMANDS}


def test_only_the_doors_read_the_command_line():
    # The checking process is a child of `albar prepare` and has a command line of its own.
    programs = {"__main__.py", "data/check_process.py"}
    for path in SOURCES:
        name = str(path.relative_to(PACKAGE))
        assert ('__name__ == "__main__"' in path.read_text()) == (name in programs), name
        is_door = part_of(path) in DOORS or name == "terminal/flags.py"
        assert is_door or "argparse" not in imports(path), name
        assert "absl.app" not in imports(path), name


def test_no_module_imports_itself_through_others():
    names = {module_name(path): path for path in SOURCES}
    imported = {name: modules_imported(path, names) for name, path in names.items()}
    list(graphlib.TopologicalSorter(imported).static_order())


@pytest.mark.parametrize("folder", NUMPY_ONLY)
def test_data_synthesis_and_metrics_are_numpy_only(folder):
    files = [path for path in SOURCES if str(path.relative_to(PACKAGE)).startswith(folder)]
    assert files
    for path in files:
        used = {name.split(".")[0] for name in imports(path)} & HEAVY
        assert not used, f"{path} imports {used}"
        assert "types" not in parts_imported(path), f"{path} imports jax through albar_jax.types"


@pytest.mark.parametrize(
    "path", [*SOURCES, *PROGRAMS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_files_and_functions_are_short(path):
    tree = ast.parse(path.read_text())
    assert statements_in(tree) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert statements_in(node) - 1 <= LONGEST_FUNCTION, node.name


def statements_in(tree: ast.AST) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))


def test_no_assert_outside_the_tests():
    for path in [*SOURCES, *PROGRAMS]:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Assert), f"{path}:{node.lineno}"


def test_nothing_unpickles_or_calls_a_shell():
    for path in SOURCES:
        source = path.read_text()
        assert "torch.load" not in imports(path), (
            f"{path} hides its calls of torch.load from this test"
        )
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert options.get("weights_only") == "True", f"{path}:{node.lineno}"
        for call in ("pickle.load", "Unpickler", "allow_pickle=True", "shell=True", "os.system"):
            allowed = call == "Unpickler" and path in READS_PICKLES
            allowed |= call == "pickle.load" and path.parent == TALKS_TO_CHILDREN
            assert call not in source or allowed, f"{path} has {call}"


def test_everything_printed_is_escaped():
    """Only `escapes` prints and one function writes tables, so names cannot forge a line."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            prints = (
                "print",
                "sys.stdout.write",
                "sys.stderr.write",
                "tqdm.write",
                "shlex.quote",
                "shlex.join",
            )
            assert called not in prints or path.name in ("escapes.py", "check.py"), (
                f"{path}:{node.lineno}"
            )
            assert called != "csv.writer" or path.name == "csv_files.py", f"{path}:{node.lineno}"


# Functions that run or import what a string names.
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
MAY_RUN_CODE = {
    # Configs and studies are code that the user names.
    PACKAGE / "config" / "config_files.py": {"importlib.util.spec_from_file_location"},
    # These import modules of this package, whose names are in a table of the file.
    PACKAGE / "__init__.py": {"importlib.import_module"},
    PACKAGE / "cli.py": {"importlib.import_module"},
    PACKAGE / "audit" / "models" / "__init__.py": {"importlib.import_module"},
    # A model may be a function of the user.
    PACKAGE / "audit" / "models" / "python.py": {
        "importlib.import_module",
        "importlib.util.spec_from_file_location",
    },
}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_says_what_is_run(path):
    for call in calls(path):
        function = ast.unparse(call.func)
        is_written_here = bool(call.args) and isinstance(call.args[0], ast.Constant)
        if (function in RUNS_CODE or function.endswith(".format_map")) and not is_written_here:
            assert function in MAY_RUN_CODE.get(path, set()), (
                f"{path}:{call.lineno} calls {function}"
            )
        # Otherwise Pillow would run Ghostscript, and numpy would unpickle.
        options = {keyword.arg for keyword in call.keywords}
        assert function != "Image.open" or "formats" in options, (
            f"{path}:{call.lineno} opens pictures of any format"
        )
        assert function != "np.load" or "allow_pickle" in options, (
            f"{path}:{call.lineno} leaves allow_pickle open"
        )


def test_only_packing_imports_tensorflow_datasets():
    users = [
        path.name
        for path in SOURCES
        if any(name.startswith("tensorflow_datasets") for name in imports(path))
    ]
    assert users == ["record_builder.py"]
