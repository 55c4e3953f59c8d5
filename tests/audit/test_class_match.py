"""Claim: classes match by their names, whatever their case and signs; the rest is refused."""

import numpy as np
import pytest

from albar_jax.audit import label_map
from albar_jax.audit.class_match import match, plain
from albar_jax.errors import UserError

F = np.float32


def targets(ours, tests, names=None, classes="same"):
    return match("m", ours, tests, names or {}, classes).target.tolist()


def test_names_match_without_case_punctuation_and_underscores():
    ours = ["Hand-stand_Pushups", "shooting ball (not playing)", "TaiChi"]
    tests = ["tai chi", "HandStandPushups", "Shooting_ball_not-playing"]
    assert targets(ours, tests) == [1, 2, 0]


def test_a_model_without_names_has_the_classes_of_the_test_set():
    matched = match("m", None, ["b", "a"], {}, "same")
    assert matched.translate(1) == 1
    np.testing.assert_array_equal(matched.translate(F([0.25, 0.75])), F([0.25, 0.75]))
    assert matched.in_words() == ""


def test_exact_names_come_first():
    assert targets(["jump", "Jump"], ["Jump", "jump"]) == [1, 0]


def test_a_second_class_of_the_same_plain_name_does_not_match(capsys):
    with pytest.raises(UserError, match="1 of 2 classes of m and 0 of 1 classes of the test set"):
        targets(["jump", "Jump"], ["jump"])
    assert "classes of m that the test set lacks: Jump" in capsys.readouterr().err


def test_a_plain_name_that_stands_for_two_does_not_match():
    with pytest.raises(
        UserError, match="do not match, JUMP; name the model's own classes with --model-classes"
    ):
        targets(["JUMP"], ["jump", "Jump"])


def test_names_of_signs_alone_are_kept():
    assert plain("+/-") == "+/-"
    assert targets(["+", "-"], ["-", "+"]) == [1, 0]


def test_the_map_names_the_rest_and_may_join_classes():
    names = {"Dribbling": "basketball", "shooting hoops": "Basketball"}
    matched = match(
        "m", ["dribbling", "golf", "Shooting_hoops"], ["Basketball", "golf"], names, "same"
    )
    assert matched.target.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(matched.translate(F([0.25, 0.25, 0.5])), F([0.75, 0.25]))
    assert matched.translate(2) == 0


def test_the_map_may_add_to_a_class_that_matches_by_name():
    ours = ["basketball", "dribbling"]
    assert targets(ours, ["Basketball"], {"dribbling": "Basketball"}) == [0, 0]
    assert targets(ours[::-1], ["Basketball"], {"dribbling": "Basketball"}) == [0, 0]


def test_a_line_of_the_map_without_a_class_is_noted(capsys):
    assert targets(["a"], ["a"], {"b": "a", "a": "c"}) == [0]
    assert "note: 2 lines of --label-map name a class" in capsys.readouterr().err


def test_other_classes_are_listed_and_refused(capsys):
    with pytest.raises(UserError) as caught:
        targets(["run", "sit", "Golf"], ["golf", "dive"])
    assert str(caught.value) == (
        "2 of 3 classes of m and 1 of 2 classes of the test set do not match, run, sit; name the "
        "model's own classes with --model-classes, or the same ones in --label-map, or give "
        "--classes subset for the 1 in common"
    )
    listed = capsys.readouterr().err
    assert "classes of m that the test set lacks: run, sit\n" in listed
    assert "classes of the test set that m lacks: dive\n" in listed


def test_long_lists_are_cut(capsys):
    with pytest.raises(UserError, match="400 of 400 classes of m"):
        targets([f"k{number}" for number in range(400)], ["golf"])
    assert "k59 and 340 more\n" in capsys.readouterr().err


def test_no_class_in_common_is_refused_in_a_subset_too():
    with pytest.raises(UserError, match="or the same ones in --label-map$"):
        targets(["a"], ["b"], classes="subset")


def test_a_subset_takes_the_argmax_over_the_classes_in_common(capsys):
    matched = match("m", ["a", "b", "c", "d"], ["d", "x", "b"], {}, "subset")
    assert matched.common == {0, 2}
    # "a" is the most probable class, but not in the test set.
    np.testing.assert_allclose(matched.translate(F([0.6, 0.1, 0, 0.3])), [0.75, 0, 0.25])
    assert matched.translate(3) == 0
    assert matched.translate(0) is None
    assert matched.translate(None) is None
    assert matched.translate(F([1, 0, 0, 0])) is None
    words = "argmax over the 2 classes in common of the model's 4 and the test set's 3"
    assert matched.in_words() == words
    # Their clips are not asked.
    printed = capsys.readouterr().err
    assert printed == f"classes of the test set that m lacks: x\nnote: m: {words}\n"


def test_equal_classes_are_no_subset():
    matched = match("m", ["a", "b"], ["B", "A"], {}, "subset")
    assert not matched.is_subset
    np.testing.assert_array_equal(matched.translate(F([0.3, 0.7])), F([0.7, 0.3]))


def test_hostile_names_are_escaped(capsys):
    with pytest.raises(UserError):
        targets(["\x1b[2Jx"], ["y"])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nx,y\n", "model"),
        ("model,test\nx,\n", "line 2 of .*lacks a name"),
        ("model,test\nx,y\nx,z\n", "line 3 of .*gives the model's class 'x' a second name"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path, text, message):
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        label_map.read(path)


def test_a_map_is_read(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text('test,model\n"a, b",c\nd,"e"\n')
    assert label_map.read(path) == {"c": "a, b", "e": "d"}
