"""Claim: a model is opened by its kind, and a mistake is one sentence with the remedy."""

import numpy as np
import pytest

from albar_jax.audit import models
from albar_jax.audit.models import Adapter, open_model
from albar_jax.audit.models.base import Options, Sampling
from albar_jax.errors import UserError

MODEL = '''
import numpy as np

def predict(clip):
    """The answer depends on the clip, so that a clip asked twice is seen."""
    return clip.mean((0, 1, 2)) / clip.mean((0, 1, 2)).sum()

def number(clip):
    return len(clip)

def abstains(clip):
    return None

def wrong(clip):
    return "jump"

class Tensor:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("use detach() first")

def tensor(clip):
    return Tensor()

def loads(clip):
    return np.load("missing.npy")

known = lambda clip: 0
known.fingerprint = "weights 7"
broken = 3
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_model.py"
    path.write_text(MODEL)
    return path


def clips(number: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (4 + n, 6, 8, 3), dtype=np.uint8) for n in range(number)]


def test_a_function_answers_as_when_it_is_called(file):
    model = open_model(f"python:{file}:predict")
    for answer, clip in zip(model.answer(clips()), clips(), strict=True):
        expected = clip.mean((0, 1, 2)) / clip.mean((0, 1, 2)).sum()
        np.testing.assert_array_equal(answer, expected.astype(np.float32))
    assert (model.name, model.classes, model.sampling) == ("predict", None, Sampling())


def test_a_function_may_name_a_class_or_abstain(file):
    assert open_model(f"python:{file}:number").answer(clips()) == [4, 5]
    assert open_model(f"python:{file}:abstains").answer(clips()) == [None, None]
    with pytest.raises(UserError, match="returned str of shape"):
        open_model(f"python:{file}:wrong").answer(clips())
    with pytest.raises(UserError, match="returned Tensor, which is no array .use detach"):
        open_model(f"python:{file}:tensor").answer(clips())


def test_an_error_names_the_line_of_the_users_file(file):
    line = MODEL.splitlines().index('    return np.load("missing.npy")') + 1
    with pytest.raises(UserError, match=rf"No such file .* \(line {line} of {file}\), given"):
        open_model(f"python:{file}:loads").answer(clips(1))


def test_a_module_of_the_current_folder_can_be_named(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert open_model("python:my_model:number").answer(clips(1)) == [4]


def test_a_fingerprint_changes_with_the_code_the_function_and_the_options(file):
    def fingerprint(function: str = "predict", query: str = "") -> str:
        return open_model(f"python:{file}:{function}{query}").fingerprint

    first = fingerprint()
    assert first == fingerprint()
    assert len({first, fingerprint("number"), fingerprint(query="?frames=8")}) == 3
    file.write_text(MODEL + "# other\n")
    assert fingerprint() != first


def test_answers_are_kept_only_if_the_function_states_its_weights(file):
    assert not open_model(f"python:{file}:predict").keeps_answers
    assert open_model(f"python:{file}:known").keeps_answers


def test_options_of_a_model_replace_those_of_all(file):
    common = Options(frames=8, stride=2, size=112)
    model = open_model(f"python:{file}:predict?frames=16", common)
    assert model.sampling == Sampling(16, None, 2)


def test_the_class_list_names_the_outputs(file, tmp_path):
    (tmp_path / "names.txt").write_text("run\njump\n")
    model = open_model(f"python:{file}:predict?classes={tmp_path / 'names.txt'}")
    assert model.classes == ("run", "jump")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvison:r3d", "names no model; write KIND:LOCATION, where KIND is one of .*python"),
        ("pyton:a:b", "did you mean python?"),
        ("python", "names no model"),
        ("python:", "write its location after python:"),
        ("python:a", "names no function; write python:MODULE:FUNCTION"),
        ("python:no/such.py:predict", "there is no file no/such.py"),
        ("python:no_such_module_x:f", "cannot import no_such_module_x: ModuleNotFoundError"),
        ("python:{file}:broken", ":broken has no function broken"),
        ("python:{file}:missing", ":missing has no function missing"),
        ("python:{file}:predict?size=8", "'size' is not an option of python, or has no value"),
        ("python:{file}:predict?frames=", "'frames' is not an option of python, or has no value"),
        ("python:{file}:predict?frames=0", "frames is '0', which is not a number from 1 to"),
        ("python:{file}:predict?frames=²", "frames is '²', which is not a number from 1 to"),
        ("python:{file}:predict?fps=-1", "fps is '-1', which is not a number above 0"),
        ("python:{file}:predict?fps=nan", "fps is 'nan', which is not a number above 0"),
        ("python:{file}:predict?classes=no.txt", "no.txt names no classes"),
    ],
)
def test_a_mistake_is_one_sentence(file, spec, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        open_model(spec.format(file=file))


@pytest.mark.parametrize(
    ("code", "name"), [("1 / 0\n", "ZeroDivisionError"), ("raise SystemExit(0)\n", "SystemExit")]
)
def test_a_module_that_raises_is_named(tmp_path, code, name):
    (tmp_path / "bad.py").write_text(code)
    with pytest.raises(UserError, match=f"cannot import .*bad.py: {name}"):
        open_model(f"python:{tmp_path / 'bad.py'}:f")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("mean", "0.5", (0.5, 0.5, 0.5)),
        ("std", "0.1,0.2,0.3", (0.1, 0.2, 0.3)),
        ("fps", "7.5", 7.5),
        ("size", "112", 112),
        ("device", "cuda:1", "cuda:1"),
        ("seed", "4294967295", (1 << 32) - 1),
    ],
)
def test_options_are_parsed(name, text, value):
    assert models.option_texts.parse(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"), [("std", "0,1,1"), ("mean", "1,2"), ("mean", "inf"), ("mean", "a,b,c")]
)
def test_wrong_colors_are_refused(name, text):
    with pytest.raises(UserError, match=f"{name} is .*write a number for each color"):
        models.option_texts.parse(name, text)


def test_a_missing_package_names_the_extra(monkeypatch):
    adapter = Adapter("albar_jax.audit.models.python", (), ("no_such_package_x",), "audit-x")
    monkeypatch.setitem(models.ADAPTERS, "x", adapter)
    with pytest.raises(UserError, match=r"need no_such_package_x; .*'albar_jax\[audit-x\]'"):
        open_model("x:y")
