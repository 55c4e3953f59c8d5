"""Provides predictions written out by hand."""

import pytest

from albar_jax.evaluation.predictions import Predictions


def _chosen(answers):
    labels, pred = zip(*answers.values(), strict=True)
    return Predictions(tuple(answers), labels, None, pred)


@pytest.fixture
def chosen():
    """Returns a function that makes predictions from {id: (label, predicted class)}."""
    return _chosen
