"""Claim: areas are the trapezoids of ROC and precision-recall curves; undefined ones say why."""

import numpy as np
import pytest

from albar_jax.downstream.metrics_anomaly import pr_auc, roc_auc
from albar_jax.errors import UserError


def test_areas_of_a_case_that_is_worked_by_hand():
    truth, scores = np.float64([0, 0, 1, 1]), np.float64([0.1, 0.4, 0.35, 0.8])
    # Of the four pairs, one is in the wrong order.
    assert roc_auc(truth, scores).value == pytest.approx(3 / 4)
    # Precision 1, 1, 1/2, 2/3 at recall 0, 1/2, 1/2, 1.
    assert pr_auc(truth, scores).value == pytest.approx(1 / 2 + (1 / 2 + 2 / 3) / 4)


def test_roc_is_the_share_of_ordered_pairs_and_ties_count_half():
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.3).astype(float)
    # Few distinct scores, as when each is repeated for 16 frames.
    scores = np.round(rng.random(300) + 0.3 * truth, 1)
    above = scores[truth == 1][:, None] - scores[truth == 0][None]
    expected = ((above > 0) + 0.5 * (above == 0)).mean()
    assert roc_auc(truth, scores).value == pytest.approx(expected, rel=1e-12)
    order = rng.permutation(300)
    assert roc_auc(truth[order], scores[order]) == roc_auc(truth, scores)
    assert pr_auc(truth[order], scores[order]) == pr_auc(truth, scores)


def test_precision_recall_is_not_average_precision():
    """Average precision would be 7/12 here, and an area without its first point 5/24."""
    truth, scores = np.float64([0, 1, 0, 1]), np.float64([4, 3, 2, 1])
    steps = [(1, 0, 0), (0, 1 / 2, 1 / 2), (1 / 2, 1 / 3, 0), (1 / 3, 1 / 2, 1 / 2)]
    expected = sum((left + right) / 2 * width for left, right, width in steps)
    assert pr_auc(truth, scores).value == pytest.approx(expected)


def test_equal_scores_are_one_point():
    truth, scores = np.float64([1, 0, 1, 0]), np.zeros(4)
    assert roc_auc(truth, scores).value == pytest.approx(0.5)
    assert pr_auc(truth, scores).value == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize(("truth", "reason"), [(0.0, "is anomalous"), (1.0, "is normal")])
@pytest.mark.parametrize("area", [roc_auc, pr_auc])
def test_one_kind_of_frames_has_no_area_but_a_reason(area, truth, reason):
    found = area(np.full(3, truth), np.arange(3.0))
    assert found.value is None
    assert reason in found.reason


@pytest.mark.parametrize("area", [roc_auc, pr_auc])
def test_other_lengths_and_nan_are_refused(area):
    with pytest.raises(UserError, match=r"\(3,\) and the scores have \(4,\)"):
        area(np.zeros(3), np.zeros(4))
    with pytest.raises(UserError, match="score of frame 1 is nan"):
        area(np.float64([0, 1]), np.float64([0, np.nan]))
