import numpy as np
import pytest

from albar_jax.evaluation.analyses import confidence
from albar_jax.evaluation.predictions import Predictions


def test_confidence_is_the_mean_of_the_largest_probability_correct_or_not():
    answers = Predictions(["a", "b"], [0, 0], [[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    assert confidence.confidence(answers) == pytest.approx(0.7)


def test_entropy_is_0_for_certainty_and_1_for_a_uniform_distribution():
    certain, blind = [1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]
    assert confidence.entropy(Predictions(["a"], [0], [certain])) == 0
    assert confidence.entropy(Predictions(["a"], [0], [blind])) == pytest.approx(1)
    # A choice between two of four classes is one bit of two.
    assert confidence.entropy(
        Predictions(["a", "b"], [0, 1], [[0.5, 0.5, 0, 0], certain])
    ) == pytest.approx(0.25)


def test_without_probabilities_confidence_and_entropy_are_unknown():
    answers = Predictions(["a"], [0], None, [0])
    assert confidence.confidence(answers) is None
    assert confidence.entropy(answers) is None
    assert confidence.entropy(Predictions(["a"], [0], np.ones((1, 1)))) is None
