"""Claim: `run:WORKDIR` gives the tables of `albar evaluate`, also for other test sets and views."""

import json

import numpy as np

from albar_jax.audit import run
from albar_jax.audit.models.base import Options
from albar_jax.audit.settings import Settings
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.wiring import run_evaluation, trained_models


def test_a_training_run_answers_as_in_its_evaluation(trained, tiny_config, tmp_path):
    config = tiny_config("ce")
    config.eval.temporal_tests = True
    config.eval.temporal_views = 2
    model = trained_models.from_workdir(str(trained), "last", config)
    assert run_evaluation.run([model], str(tmp_path / "evaluated")) == 0

    settings = Settings(
        models=[f"run:{trained}?checkpoint=last"],
        predictions=(),
        config=config,
        videos=None,
        out=tmp_path / "audited",
        options=Options(),
    )
    assert run.run(settings) == 0
    (expected,) = (tmp_path / "evaluated" / "predictions").iterdir()
    audited = tmp_path / "audited" / "predictions" / expected.name
    tables = sorted(path.name for path in expected.glob("*.csv"))
    assert len(tables) == 7
    assert sorted(path.name for path in audited.glob("*.csv")) == tables
    for name in tables:
        one, other = read_predictions(expected / name), read_predictions(audited / name)
        assert one.ids == other.ids
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_allclose(one.probs, other.probs, rtol=1e-5, atol=1e-7, err_msg=name)

    for name in ("views.json", "classes.txt"):
        assert (expected / name).read_text() == (audited / name).read_text()
    figures = []
    for folder in ("evaluated", "audited"):
        results = json.loads((tmp_path / folder / "results.json").read_text())
        figures.append(results["models"][0]["rows"])
    assert figures[0] == figures[1]


def test_a_training_run_needs_no_config(trained, tmp_path):
    settings = Settings(
        models=[f"mine=run:{trained}"],
        predictions=(),
        config=None,
        videos=None,
        out=tmp_path / "out",
        options=Options(),
    )
    assert run.run(settings) == 0
    assert (tmp_path / "out" / "predictions" / "mine" / "quickstart_static.csv").exists()
