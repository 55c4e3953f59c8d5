"""Claim: every public name is documented, typed, exported once, and imported when it is used."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import albar_jax

ROOT = Path(__file__).parent.parent
NAMES = [name for name in albar_jax.__all__ if name != "__version__"]


def function_of(name: str) -> object:
    """The package `audit` can be called."""
    value = getattr(albar_jax, name)
    return value.__call__ if inspect.ismodule(value) else value


FUNCTIONS = [name for name in NAMES if inspect.isroutine(function_of(name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(albar_jax, name))]
TABLES = [name for name in NAMES if isinstance(getattr(albar_jax, name), dict)]
# A verb in the third person, as in "Returns" and "Applies".
VERB = re.compile(r"[A-Z][a-z]+s\b")
README = ROOT / "README.md"


def test_the_public_names_are_a_dozen_functions_classes_and_tables():
    assert sorted(NAMES) == sorted([*FUNCTIONS, *CLASSES, *TABLES])
    assert 10 <= len(NAMES) <= 16


def test_every_public_name_is_listed_once_and_resolves():
    assert len(set(albar_jax.__all__)) == len(albar_jax.__all__)
    assert set(NAMES) == set(albar_jax._MODULES)
    assert set(albar_jax.__all__) <= set(dir(albar_jax))
    values = [id(getattr(albar_jax, name)) for name in NAMES]
    assert len(set(values)) == len(values)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'albar_jax' has no attribute 'trian'"):
        _ = albar_jax.trian


def test_every_public_name_is_described_in_the_docstring_of_the_package():
    listed = re.findall(r"^    (\w+) {2,}[A-Za-z]", albar_jax.__doc__, re.MULTILINE)
    assert sorted(listed) == sorted(NAMES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_documented_and_typed(name):
    function = function_of(name)
    document = inspect.getdoc(function)
    first_line = document.splitlines()[0]
    assert VERB.match(first_line), first_line
    assert first_line.endswith((".", ":")), first_line

    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter
        # Any number of arguments may be named by the sentence itself: "Combines methods".
        is_any = parameter.kind is inspect.Parameter.VAR_POSITIONAL
        pattern = (
            rf"\b{parameter.name}\b" if is_any else rf"^  {parameter.name}: |`{parameter.name}`"
        )
        assert re.search(pattern, document, re.MULTILINE), f"{parameter.name} is not documented"


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_class_is_documented(name):
    document = inspect.getdoc(getattr(albar_jax, name))
    assert document
    assert document.splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", ["METHODS", "PRESETS"])
def test_the_tables_have_plain_names(name):
    assert all(re.fullmatch(r"[a-z0-9_]+", key) for key in getattr(albar_jax, name))


def test_the_package_says_that_it_is_typed_and_which_version_it_is():
    assert (ROOT / "albar_jax" / "py.typed").exists()
    assert re.fullmatch(r"\d+\.\d+\.\d+", albar_jax.__version__)


def in_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_package_and_the_audit_do_not_import_jax(tmp_path):
    (tmp_path / "hmdb51.csv").write_text("id,label,pred\na,0,0\nb,1,0\n")
    printed = in_new_process(
        "import sys, albar_jax\n"
        f"results = albar_jax.audit({str(tmp_path)!r})\n"
        "print(results['models'][0]['rows']['iid'], 'jax' in sys.modules)"
    )
    assert printed == "50.0 False\n"


def test_the_audit_can_be_called_however_it_was_imported(tmp_path):
    (tmp_path / "hmdb51.csv").write_text("id,label,pred\na,0,0\nb,1,0\n")
    imports = ("import albar_jax.audit as audit", "from albar_jax import audit")
    for line in imports:
        printed = in_new_process(
            f"import sys\n{line}\n"
            f"results = audit({str(tmp_path)!r})\n"
            "print(results['models'][0]['rows']['iid'], {'jax', 'torch'} & set(sys.modules))"
        )
        assert printed == "50.0 set()\n"


def test_an_audit_writes_what_it_returns(tmp_path):
    predictions = tmp_path / "mine"
    predictions.mkdir()
    (predictions / "hmdb51.csv").write_text("id,label,pred\na,0,0\nb,1,0\n")
    written = albar_jax.audit([predictions], tmp_path / "page")
    assert (tmp_path / "page" / "report.html").exists()
    assert written == albar_jax.audit(predictions)


def test_a_model_is_trained_and_evaluated_by_the_library(world_dir, tmp_path, capsys):
    changes = {
        "data.manifest": str(world_dir / "manifest.csv"),
        "batch_size": 4,
        "eval.batch_size": 8,
        "train.steps": 2,
        "train.save_every_epochs": 0.25,
        "loader.threads": 0,
    }
    config = albar_jax.load_config("quickstart:ce", changes)
    summary = albar_jax.fit(config, tmp_path / "run")
    assert (summary["step"], summary["stopped_by"]) == (2, None)
    results = albar_jax.evaluate(tmp_path / "run", tmp_path / "page")
    assert [model["name"] for model in results["models"]] == ["ce"]
    assert 0 <= results["models"][0]["rows"]["iid"] <= 100


def test_a_network_of_the_library_has_the_outputs_that_its_docs_name():
    import jax

    apply, params = albar_jax.create(albar_jax.PRESETS["micro"], jax.random.key(0))
    outputs = apply(params, np.zeros((2, 8, 32, 32, 3), np.float32), None)
    assert isinstance(outputs, albar_jax.Outputs)
    assert outputs.logits.shape == (2, 8)


def test_the_first_python_example_of_the_readme_runs(tmp_path, monkeypatch):
    example = README.read_text().split("```python\n", 1)[1].split("```", 1)[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(README), "exec"), {"__name__": "__main__"})
