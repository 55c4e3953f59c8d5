import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation.analyses import mistakes


def test_a_mistake_of_the_still_has_the_prediction_of_the_still(chosen):
    # a is correct. Wrong: b (1, its still 1), c (0, its still 2), d (0, without a still).
    scuba = chosen({"a": (0, 0), "b": (0, 1), "c": (1, 0), "d": (1, 0)})
    scufo = chosen({"c": (1, 2), "b": (0, 1), "a": (0, 0)})

    assert mistakes.share_like_still([(scuba, scufo)]) == 1 / 2

    # The mistakes of all sets are pooled. This set adds one that differs from its still.
    other = chosen({"x": (0, 1)}), chosen({"x": (0, 2)})
    assert mistakes.share_like_still([(scuba, scufo), other]) == 1 / 3


def test_without_a_mistake_there_is_no_share(chosen):
    right = chosen({"a": (0, 0)})
    assert mistakes.share_like_still([(right, right)]) is None
    assert mistakes.share_like_foreground(right, {"a": 1}) is None


def test_a_mistake_of_the_foreground_has_its_class(chosen):
    # a is correct, b has the class of the foreground, c another; the foreground of d is unknown.
    conflfg = chosen({"a": (0, 0), "b": (0, 2), "c": (1, 3), "d": (1, 0)})
    assert mistakes.share_like_foreground(conflfg, {"a": 3, "b": 2, "c": 2}) == 1 / 2
    assert mistakes.share_like_foreground(conflfg, {}) is None


def test_the_foregrounds_are_read_from_the_manifest_that_records_them(tmp_path):
    path = tmp_path / "conflfg.csv"
    path.write_text(
        "path,label,id,donor_label\na.zip,jump,a__0,run\nb.zip,run,b__0,jump\nc.zip,run,c__0,fly\n"
    )

    assert mistakes.read_foregrounds(path, ["jump", "run"]) == {"a__0": 1, "b__0": 0}

    path.write_text("path,label,id\na.zip,jump,a__0\n")
    assert mistakes.read_foregrounds(path, ["jump", "run"]) == {}
    with pytest.raises(UserError, match="cannot read .*nowhere.csv"):
        mistakes.read_foregrounds(tmp_path / "nowhere.csv", ["jump"])
