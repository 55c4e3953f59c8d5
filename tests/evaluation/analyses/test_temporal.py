import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation.analyses import temporal


def test_only_correct_forward_clips_can_stay_right(chosen):
    forwards = chosen({"a": (0, 0), "b": (1, 1), "c": (2, 0), "d": (3, 3)})
    backwards = chosen({"d": (3, 3), "c": (2, 2), "b": (1, 2), "a": (0, 0)})

    # a and d of a, b, d. c becomes correct and does not count.
    assert temporal.stay_right(forwards, backwards) == 2 / 3
    # a, d.
    assert temporal.same_answer(forwards, backwards) == 2 / 4


def test_clips_without_a_partner_do_not_count(chosen):
    forwards = chosen({"a": (0, 0), "b": (1, 1)})
    assert temporal.stay_right(forwards, chosen({"b": (1, 0), "x": (0, 0)})) == 0
    assert temporal.same_answer(forwards, chosen({"b": (1, 1), "x": (0, 0)})) == 1


def test_without_a_correct_forward_clip_there_is_no_share(chosen):
    assert temporal.stay_right(chosen({"a": (0, 1)}), chosen({"a": (0, 0)})) is None


def test_the_error_for_other_clips_names_both_kinds(chosen):
    with pytest.raises(UserError, match="no altered clip has the id of a forward clip"):
        temporal.same_answer(chosen({"a": (0, 0)}), chosen({"b": (0, 0)}))
    with pytest.raises(UserError, match="altered clip 'a' have different labels, 0 and 1"):
        temporal.same_answer(chosen({"a": (0, 0)}), chosen({"a": (1, 0)}))
