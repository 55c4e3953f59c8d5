"""Claim: a right answer on a still is a shortcut only if it is twice as probable as chance."""

import numpy as np
import pytest

from albar_jax.evaluation import margin, paired_scores
from albar_jax.evaluation.predictions import Predictions

# Eight classes: chance is 0.125, the threshold 0.25.
REST = (1 - 0.25) / 7
TIE = [0.25] + [REST] * 7
LOW = [0.14] + [(1 - 0.14) / 7] * 7
HIGH = [0.3] + [0.1] * 7
NAN = [np.nan] * 8


def test_the_threshold_is_twice_chance_and_for_two_classes_half_way_to_certainty():
    assert margin.threshold(400) == 2 / 400
    assert margin.threshold(8) == 0.25
    assert margin.threshold(3) == pytest.approx(2 / 3)
    assert margin.threshold(2) == 0.75
    assert margin.threshold(1) == 1


def test_a_probability_at_the_threshold_is_a_shortcut():
    stills = Predictions("abcd", [0, 0, 0, 1], [TIE, LOW, HIGH, HIGH])
    # The last one is wrong, whatever its probability.
    assert margin.is_shortcut(stills).tolist() == [True, False, True, False]

    # 2 / 5 is no float32.
    fifths = Predictions("a", [1], [[0.3, 0.4, 0.1, 0.1, 0.1]])
    assert margin.is_shortcut(fifths).tolist() == [True]


def test_chance_in_a_subset_of_the_classes_is_that_of_the_subset():
    # Answers among the first two of eight classes: the threshold is 0.75.
    ends = [0.0] * 6
    probs = [[0.7, 0.3, *ends], [0.8, 0.2, *ends], [0.4, 0.6, *ends], [np.nan] * 8]
    stills = Predictions("abcd", [0, 0, 1, 0], probs, [0, 0, 1, -1])
    assert stills.num_choices() == 2
    assert margin.is_shortcut(stills).tolist() == [False, True, False, False]

    # A class with a clip counts, however small its probability.
    certain = Predictions("ab", [0, 3], [[1, 0, 0, 0]] * 2)
    assert certain.num_choices() == 2


def test_without_probabilities_every_right_still_is_a_shortcut():
    stills = Predictions("ab", [0, 0], None, [0, 1])
    assert margin.is_shortcut(stills).tolist() == [True, False]


def test_contrasted_accuracy_with_a_margin():
    # The fourth moving clip has no answer, and z and y have no partner.
    moving = Predictions("abcdz", [0] * 5, None, [0, 0, 0, -1, 0])
    stills = Predictions("dcbay", [0] * 5, [LOW, NAN, LOW, TIE, HIGH], [0, -1, 0, 0, 0])
    plain = paired_scores.needs_motion(moving, stills)
    with_margin = paired_scores.needs_motion_with_margin(moving, stills)

    assert plain.ids == with_margin.ids == ("a", "b", "c", "d")
    assert plain.unpaired == with_margin.unpaired == ("z", "y")
    assert plain.values.tolist() == [False, False, True, False]
    # The still of b is right with 14 %.
    assert with_margin.values.tolist() == [False, True, True, False]
