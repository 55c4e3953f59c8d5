"""Claim: calibration error, Brier score and the bins are the textbook's, by hand."""

import numpy as np
import pytest

from albar_jax.evaluation.calibration import NUM_BINS, brier, reliability
from albar_jax.evaluation.predictions import Predictions


def two_classes(confidence, right):
    """Returns predictions of class 0; a clip that is not right has label 1."""
    probs = np.stack([confidence, 1 - np.array(confidence)], axis=1)
    labels = [0 if is_right else 1 for is_right in right]
    ids = [f"clip_{row}" for row in range(len(right))]
    return Predictions(ids, labels, probs, [0] * len(right))


def test_a_confidence_on_an_edge_is_in_the_lower_bin():
    third = [1 / 3, 1 / 3, 1 / 3]
    predictions = Predictions("ab", [0, 1], [third, [0.6, 0.2, 0.2]], [0, 0])
    bins = reliability([predictions])

    # 1/3 is 5/15 and 0.6 is 9/15: bins 4 and 8.
    assert np.flatnonzero(bins.clips).tolist() == [4, 8]
    assert bins.accuracy[[4, 8]].tolist() == [1, 0]
    assert np.isnan(bins.accuracy[0])


def test_the_error_weights_the_gap_of_each_bin_by_its_clips():
    # Bin 13 (0.867..0.933]: 0.9, 0.9, 0.92 with 2 right; bin 9 (0.6..0.667]: 0.65, wrong.
    predictions = two_classes([0.9, 0.9, 0.92, 0.65], [1, 1, 0, 0])
    bins = reliability([predictions])

    assert bins.clips[[9, 13]].tolist() == [1, 3]
    assert bins.confidence[13] == pytest.approx((0.9 + 0.9 + 0.92) / 3)
    assert bins.accuracy[13] == pytest.approx(2 / 3)
    gap = (0.9 + 0.9 + 0.92) / 3 - 2 / 3
    assert bins.error == pytest.approx((3 * gap + 1 * 0.65) / 4)
    assert len(bins.clips) == NUM_BINS == 15


def test_seeds_are_binned_together():
    first = two_classes([0.9], [1])
    second = two_classes([0.9, 1.0], [0, 1])
    bins = reliability([first, second])

    assert bins.clips[[13, 14]].tolist() == [2, 1]
    assert bins.accuracy[[13, 14]].tolist() == [0.5, 1]
    assert bins.error == pytest.approx((2 * 0.4 + 0) / 3)


def test_the_brier_score_sums_over_classes():
    predictions = Predictions("ab", [0, 2], [[0.5, 0.3, 0.2], [0.6, 0.2, 0.2]])
    first = 0.5**2 + 0.3**2 + 0.2**2
    second = 0.6**2 + 0.2**2 + 0.8**2
    assert brier(predictions) == pytest.approx((first + second) / 2)
    # The largest value: certain, and wrong.
    assert brier(Predictions("a", [0], [[0, 1, 0]])) == 2


def test_abstentions_are_left_out():
    nan = [np.nan] * 3
    answered = [[0.5, 0.3, 0.2], [0.6, 0.2, 0.2]]
    with_abstention = Predictions("acb", [0, 1, 2], [answered[0], nan, answered[1]], [0, -1, 0])
    without = Predictions("ab", [0, 2], answered)

    assert brier(with_abstention) == brier(without)
    assert reliability([with_abstention]).error == reliability([without]).error
    assert reliability([with_abstention]).clips.sum() == 2

    nothing = Predictions("a", [0], [nan], [-1])
    assert brier(nothing) is None
    assert reliability([nothing]) is None
    assert reliability([nothing, without]).clips.sum() == 2


def test_without_probabilities_there_is_no_calibration():
    chosen = Predictions("ab", [0, 1], None, [0, 0])
    assert brier(chosen) is None
    assert reliability([chosen]) is None
    assert reliability([Predictions("a", [0], [[1, 0]]), chosen]) is None
