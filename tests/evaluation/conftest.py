"""Provides predictions written by hand for the tests of results, tables and report."""

import numpy as np
import pytest

from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun

QUICKSTART_TASKS = ("quickstart", "quickstart_scuba", "quickstart_scufo", "quickstart_conflfg")


def _answers(right, *, classes=4):
    """Returns predictions with a clip for each entry of `right`.

    Clip i has class i mod K. A wrong prediction is the next class.
    """
    labels = np.arange(len(right)) % classes
    pred = np.where(right, labels, (labels + 1) % classes)
    probs = np.full((len(right), classes), 0.1 / (classes - 1))
    probs[np.arange(len(right)), pred] = 0.9
    return Predictions(tuple(f"clip_{i}" for i in range(len(right))), labels, probs)


def _run(name, seed, *, iid, scuba, scufo, conflfg, **more):
    """Returns a quickstart run from lists of correct (1) and wrong (0) predictions."""
    predictions = dict(
        zip(QUICKSTART_TASKS, map(_answers, (iid, scuba, scufo, conflfg)), strict=True)
    )
    return ModelRun(name, seed, 400, predictions, **more)


@pytest.fixture
def answers():
    return _answers


@pytest.fixture
def make_run():
    return _run
