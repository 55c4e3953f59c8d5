"""Claim: answers are kept batch by batch, and a damaged line only costs its own batch."""

import numpy as np
import pytest

from albar_jax.audit.answers import AnswerCheck, mean_answer
from albar_jax.audit.kept_answers import KeptAnswers, forget, read
from albar_jax.errors import UserError

F = np.float32


def opened(folder, fingerprint="aa", command="here", num_classes=3):
    return KeptAnswers(folder, fingerprint, command, AnswerCheck("m", num_classes).is_valid)


@pytest.fixture
def kept(tmp_path):
    """Two batches."""
    with opened(tmp_path) as answers:
        answers.add(["k1", "k2"], [F([0.1, 0.2, 0.7]), None])
        answers.add(["k3"], [2])
    return tmp_path


def test_answers_are_read_back_to_the_bit(kept):
    answers = opened(kept)
    np.testing.assert_array_equal(answers["k1"], F([0.1, 0.2, 0.7]))
    assert answers["k1"].dtype == np.float32
    assert answers["k2"] is None
    assert answers["k3"] == 2
    assert "k4" not in answers


def test_answers_of_another_model_are_not_used(kept):
    assert "k1" not in opened(kept, "bb")


def test_another_command_adds_to_its_own_file(kept):
    with opened(kept, command="there") as answers:
        assert "k1" in answers
        answers.add(["k4"], [1])
    assert len(list((kept / "aa").glob("*.jsonl"))) == 2
    assert opened(kept)["k4"] == 1


def test_every_kill_keeps_whole_batches(kept):
    (path,) = (kept / "aa").iterdir()
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for length in range(len(content)):
        path.write_bytes(content[:length])
        keys = [key for key, _ in read(path)]
        assert keys in ([], ["k1", "k2"], ["k1", "k2", "k3"])
        assert length < first or keys


def test_a_torn_line_is_ended_before_the_next(kept):
    (path,) = (kept / "aa").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with opened(kept) as answers:
        assert "k3" not in answers
        answers.add(["k5"], [0])
    answers = opened(kept)
    assert answers["k5"] == 0
    assert "k2" in answers


def test_damaged_lines_are_asked_again(kept):
    (path,) = (kept / "aa").iterdir()
    content = bytearray(path.read_bytes())
    content[12] ^= 1
    path.write_bytes(content + b'[["k6", {}]]\n[[1, 2]]\nnull\n[["k7", "*"]]\n[["k8", true]]\n')
    assert [key for key, _ in read(path)] == ["k3"]


def test_answers_of_other_classes_are_ignored(kept):
    answers = opened(kept, num_classes=2)
    assert "k1" not in answers
    assert "k3" not in answers
    assert "k2" in answers


def test_forgotten_answers_are_gone(kept):
    assert len(opened(kept)) == 3
    forget(kept, "bb")
    assert "k1" in opened(kept)
    forget(kept, "aa")
    assert "k1" not in opened(kept)
    assert len(opened(kept)) == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (F([0.5, 0.5]), r"has shape \(2,\) for 3 classes"),
        (F([2, -1, 0]), "not numbers in 0..1 that sum to 1 .*minimum -1.*softmax outputs"),
        (F([0.5, 0.5, 0.5]), "sum 1.5"),
        (F([np.nan, 0, 1]), "has NaN instead of probabilities; the network may have overflowed"),
        (3, "is 3, which is not a class from 0 to 2"),
        (-1, "is -1, which"),
    ],
)
def test_impossible_answers_are_refused(answer, message):
    with pytest.raises(UserError, match=f"the answer of m to a.mp4 .*{message}"):
        AnswerCheck("m", 3).check(answer, "a.mp4")


def test_a_model_answers_in_one_way():
    check = AnswerCheck("m", 3)
    check.check(None, "a")
    check.check(1, "b")
    with pytest.raises(UserError, match="m answers some clips with probabilities and others, c"):
        check.check(F([1, 0, 0]), "c")


def test_views_are_averaged():
    mean = mean_answer([F([1, 0]), None, F([0.5, 0.5])])
    np.testing.assert_array_equal(mean, F([0.75, 0.25]))
    assert mean_answer([2, 1, None, 1, 2]) == 1
    assert mean_answer([2, 1, 2]) == 2
    assert mean_answer([None, None]) is None
