"""The weights of a run, for PyTorch and for this program."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from albar_jax.commands import evaluate, export
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions

TASK = "predictions/quickstart.csv"


@pytest.fixture(scope="module")
def answers(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("answers")
    evaluate.run([evaluate.from_workdir(str(trained), "best")], str(out))
    return read_predictions(out / TASK)


@pytest.mark.parametrize("name", ["model.safetensors", "folder"])
def test_exported_weights_answer_as_the_run_does(name, trained, tiny_config, answers, tmp_path):
    assert export.run(str(trained), "best", str(tmp_path / name)) == 0
    assert len((tmp_path / f"{name}.classes.txt").read_text().splitlines()) == 8
    model = evaluate.from_weights(str(tmp_path / name), ConfigDict(tiny_config("ce").to_dict()))
    evaluate.run([model], str(tmp_path / "out"))
    np.testing.assert_array_equal(read_predictions(tmp_path / "out" / TASK).probs, answers.probs)


def test_nothing_is_overwritten(trained, tmp_path):
    (tmp_path / "model.safetensors").write_text("mine")
    with pytest.raises(UserError, match=r"model\.safetensors"):
        export.run(str(trained), "best", str(tmp_path / "model.safetensors"))
    assert (tmp_path / "model.safetensors").read_text() == "mine"
