"""Provides predictions written out by hand."""

import pytest

from albar_jax.evaluation.predictions import Predictions


def _chosen(answers):
    labels, pred = zip(*answers.values(), strict=True)
    return Predictions(tuple(answers), labels, None, pred)


@pytest.fixture
def chosen():
    """Returns a function from {id: (label, predicted class)} to predictions without probabilities."""
    return _chosen
