"""Claim: top-5, mean class accuracy and the table of all test sets, by hand."""

import numpy as np
import pytest

from albar_jax.evaluation import results, standard
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES


def test_of_equally_probable_classes_the_first_five_count():
    tie = [1 / 8] * 8
    predictions = Predictions([f"c{k}" for k in range(8)], range(8), [tie] * 8)
    assert standard.top5(predictions) == 5 / 8

    # A tie behind four larger probabilities: of classes 4 to 7, only the first is the fifth.
    four = [0.2, 0.2, 0.2, 0.2, 0.05, 0.05, 0.05, 0.05]
    assert standard.top5(Predictions("ab", [4, 5], [four] * 2)) == 0.5


def test_a_correct_predicted_class_is_among_five():
    # The column pred may name any of equal classes.
    predictions = Predictions("a", [7], [[1 / 8] * 8], [7])
    assert standard.top5(predictions) == 1


def test_an_abstention_is_not_among_five():
    probs = [[0.3, 0.2, 0.2, 0.1, 0.1, 0.1], [np.nan] * 6]
    assert standard.top5(Predictions("ab", [4, 0], probs, [0, -1])) == 0.5


def test_top5_needs_probabilities_of_more_than_five_classes():
    assert standard.top5(Predictions("a", [0], [[0.2] * 5])) is None
    assert standard.top5(Predictions("a", [0], None, [0])) is None
    # Five classes in common with a test set of seven.
    subset = [[0.3, 0.2, 0.2, 0.2, 0.1, 0, 0], [0.1, 0.2, 0.2, 0.2, 0.3, 0, 0]]
    assert standard.top5(Predictions("ab", [0, 0], subset)) is None


def test_each_class_with_a_clip_counts_once():
    # Class 0: 3 of 4. Class 2: 0 of 1, an abstention. Class 1 has no clip.
    predictions = Predictions("abcde", [0, 0, 0, 0, 2], None, [0, 0, 0, 1, -1])
    assert standard.mean_class_accuracy(predictions) == (3 / 4 + 0) / 2


def test_a_line_has_the_mean_over_seeds_of_each_figure():
    first = Predictions("ab", [0, 1], [[0.9, 0.1], [0.2, 0.8]])
    second = Predictions("ab", [0, 1], [[0.9, 0.1], [np.nan, np.nan]], [0, -1])
    runs = [ModelRun("x", seed, None, {"quickstart": p}) for seed, p in enumerate([first, second])]
    runs.append(ModelRun("y", 0, None, {"quickstart": first, "quickstart_afd": first}))
    lines = standard.standard_lines(results.summarise(SUITES["quickstart"], runs))

    assert [(line.task, line.model) for line in lines] == [
        ("quickstart", "x"),
        ("quickstart", "y"),
        ("quickstart_afd", "y"),
    ]
    x = lines[0]
    assert (x.clips, x.abstained) == (2, 0.5)
    assert x.mean["top1"] == 75
    assert x.sd["top1"] == pytest.approx(50 / 2**0.5)
    assert x.mean["mean_class"] == 75
    assert x.mean["top5"] is x.sd["top5"] is None
    # 0.1 and 0.2 in two bins; then 0.1.
    assert x.mean["ece"] == pytest.approx(100 * (0.15 + 0.1) / 2)
    assert x.mean["brier"] == pytest.approx((0.5 * (0.02 + 0.08) + 0.02) / 2)
    assert x.reliability.clips.sum() == 3
    assert lines[1].sd["top1"] is None


def test_a_test_set_that_a_seed_lacks_has_no_line():
    first = Predictions("a", [0], [[0.9, 0.1]])
    runs = [
        ModelRun("x", 0, None, {"quickstart": first, "quickstart_static": first}),
        ModelRun("x", 1, None, {"quickstart": first}),
    ]
    lines = standard.standard_lines(results.summarise(SUITES["quickstart"], runs))
    assert [line.task for line in lines] == ["quickstart"]
