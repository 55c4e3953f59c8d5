"""Claim: an answer needs the motion if the still has another one, or half of its probability."""

import numpy as np
import pytest

from albar_jax.evaluation.motion_use import ClassProb, motion_use
from albar_jax.report.prediction_text import sentence

BLACK = np.array([0.5, -0.5, 0.25], np.float32)
CLASSES = ("run", "walk", "jump")


def logits_of(*probs):
    return np.log(np.array(probs, np.float64))


def softmax(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum()


def test_the_classes_are_sorted_by_probability_and_equal_ones_by_number():
    use = motion_use([logits_of(0.2, 0.4, 0.4)], [logits_of(0.7, 0.1, 0.2)], BLACK)
    assert [best.label for best in use.moving] == [1, 2, 0]
    assert use.moving[0] == ClassProb(1, pytest.approx(0.4))
    assert [best.label for best in use.still] == [0, 2, 1]
    assert use.still_prob == pytest.approx(0.1)


def test_five_classes_are_kept():
    many = np.arange(9.0)
    use = motion_use([many], [many], np.zeros(9))
    assert [best.label for best in use.moving] == [8, 7, 6, 5, 4]


def test_appearance_and_motion_sum_to_the_logit_above_black():
    moving, still = np.array([1.0, 4.0, -2.0]), np.array([3.0, 1.5, 0.0])
    use = motion_use([moving], [still], BLACK)
    assert use.answer.label == 1
    assert use.appearance == pytest.approx(1.5 + 0.5)
    assert use.motion == pytest.approx(4.0 - 1.5)
    assert use.appearance + use.motion == pytest.approx(moving[1] - BLACK[1])


def test_views_are_averaged_as_probabilities_and_parts_as_logits():
    moving = [np.array([5.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])]
    still = [np.array([1.0, 0.0, 0.0]), np.array([2.0, 0.0, 3.0])]
    use = motion_use(moving, still, BLACK)
    expected = (softmax(moving[0]) + softmax(moving[1])) / 2
    assert use.answer == ClassProb(0, pytest.approx(expected[0]))
    assert use.still_prob == pytest.approx((softmax(still[0])[0] + softmax(still[1])[0]) / 2)
    assert use.appearance == pytest.approx(1.5 - 0.5)
    assert use.motion == pytest.approx(2.5 - 1.5)


@pytest.mark.parametrize(
    ("still", "needs", "words"),
    [
        ((0.3, 0.6, 0.1), True, "the model says walk (60.0 %), and run has 30.0 % instead of 80.0"),
        ((0.39, 0.36, 0.25), True, "run keeps less than half of its probability, 39.0 % instead"),
        ((0.41, 0.34, 0.25), False, "the model still says run, with 41.0 % instead of 80.0 %"),
        ((0.9, 0.05, 0.05), False, "the model still says run, with 90.0 % instead of 80.0 %"),
    ],
)
def test_the_need_of_motion_and_its_sentence(still, needs, words):
    use = motion_use([logits_of(0.8, 0.1, 0.1)], [logits_of(*still)], BLACK)
    assert use.needs_motion is needs
    text = sentence(use, CLASSES)
    assert words in text
    assert text.startswith(f"The answer {'needs' if needs else 'does not need'} the motion: ")
    assert f"{use.appearance:+.2f} is appearance and {use.motion:+.2f} motion." in text


def test_a_clip_of_equal_frames_has_no_motion_to_need():
    logits = logits_of(0.8, 0.1, 0.1)
    text = sentence(motion_use([logits], [logits], BLACK, moves=False), CLASSES)
    assert text == (
        "The clip has no motion, because all its frames are equal: the model says run with 80.0 %, "
        "and all of its logit's -0.72 over a black clip is appearance."
    )


def test_equal_probabilities_are_said_once():
    still = logits_of(0.8, 0.1, 0.1)
    text = sentence(motion_use([still + 1], [still], BLACK), CLASSES)
    assert "without it the model still says run, with the same 80.0 %; of its logit's" in text


def test_logits_too_large_for_an_exponential_have_probabilities():
    use = motion_use([np.array([2000.0, 0.0])], [np.array([0.0, -2000.0])], np.zeros(2))
    assert (use.answer.prob, use.still_prob) == (1.0, 1.0)
