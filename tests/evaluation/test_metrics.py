import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import metrics
from albar_jax.evaluation.predictions import Predictions


def chosen(answers):
    """Returns predictions from {id: (label, predicted class)}."""
    labels, pred = zip(*answers.values(), strict=True)
    return Predictions(tuple(answers), labels, None, pred)


SCUBA = chosen({"a": (0, 0), "b": (1, 1), "c": (2, 0), "d": (3, 3)})
SCUFO = chosen({"a": (0, 1), "b": (1, 1), "c": (2, 2), "d": (3, 0)})


def contrasted_accuracy(scuba, scufo):
    outcomes = metrics.contrasted(scuba, scufo)
    return outcomes.mean, outcomes.unpaired


def test_top1_is_the_share_of_correct_predictions():
    # SCUBA: a, b, d. SCUFO: b, c.
    assert metrics.top1(SCUBA) == 3 / 4
    assert metrics.top1(SCUFO) == 2 / 4


def test_a_repeated_clip_counts_once():
    # ARAS lists some clips twice. Only a number after the last "#" marks a repeat.
    answers = chosen({"a": (0, 0), "a#2": (0, 0), "#3b": (1, 0), "c#x": (2, 2), "d#12": (3, 3)})
    assert metrics.accuracy(answers).mean == 4 / 5

    once = metrics.accuracy_once(answers)
    assert (once.ids, once.values.tolist()) == (("a", "#3b", "c#x"), [True, False, True])


def test_top1_takes_the_first_of_tied_classes():
    tied = Predictions(["a", "b"], [0, 1], [[0.5, 0.5], [0.5, 0.5]])
    assert metrics.top1(tied) == 0.5


def test_top1_of_a_single_class_is_one():
    assert metrics.top1(Predictions(["a", "b"], [0, 0], np.ones((2, 1)))) == 1.0


def test_contrasted_needs_a_correct_moving_clip_and_a_wrong_still():
    # Correct/wrong pairs count: a and d. b is correct/correct, c is wrong/correct.
    assert contrasted_accuracy(SCUBA, SCUFO) == (2 / 4, ())


def test_contrasted_joins_by_id_in_any_order():
    shuffled = chosen({"d": (3, 0), "b": (1, 1), "a": (0, 1), "c": (2, 2)})
    assert contrasted_accuracy(SCUBA, shuffled) == (2 / 4, ())
    assert metrics.contrasted(SCUBA, shuffled).values.tolist() == [True, False, False, True]


def test_unpaired_clips_do_not_count_and_are_returned():
    scufo = chosen({"e": (0, 1), "d": (3, 0), "b": (1, 1)})
    # Pairs b (correct/correct) and d (correct/wrong): one of two.
    assert contrasted_accuracy(SCUBA, scufo) == (1 / 2, ("a", "c", "e"))


def test_no_pair_at_all_is_refused_with_an_example_of_both_ids():
    with pytest.raises(UserError, match="SCUBA has 'a', SCUFO has 'x'"):
        contrasted_accuracy(SCUBA, chosen({"x": (0, 0)}))


def test_a_pair_with_two_labels_is_refused():
    with pytest.raises(UserError, match="clip 'b' have different labels, 1 and 2"):
        contrasted_accuracy(SCUBA, chosen({"b": (2, 1)}))


def test_confusion_matrix_has_rows_of_true_and_columns_of_predicted_classes():
    answers = chosen({"a": (0, 1), "b": (0, 1), "c": (0, 0), "d": (2, 1)})
    assert metrics.confusion_matrix(answers, 3).tolist() == [[1, 2, 0], [0, 0, 0], [0, 1, 0]]


def test_confusion_matrix_refuses_a_class_beyond_the_known_ones():
    with pytest.raises(UserError, match="class 2, but there are only 2 classes"):
        metrics.confusion_matrix(chosen({"a": (0, 2)}), 2)
