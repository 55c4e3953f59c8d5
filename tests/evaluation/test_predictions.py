import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import Predictions, read_predictions, write_predictions


def random_predictions(*, clips=50, classes=7, seed=0):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(classes) * 0.3, size=clips).astype(np.float32)
    return Predictions(
        [f"clip_{i}" for i in range(clips)], rng.integers(classes, size=clips), probs
    )


def test_csv_round_trip_is_bit_identical(tmp_path):
    before = random_predictions(clips=300)
    write_predictions(tmp_path / "deep" / "p.csv", before)
    after = read_predictions(tmp_path / "deep" / "p.csv")

    assert after.ids == before.ids
    for name in ("labels", "pred", "probs"):
        assert getattr(after, name).dtype == getattr(before, name).dtype
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert before.labels.dtype == np.int32
    assert before.probs.dtype == np.float32


def test_csv_has_the_documented_columns(tmp_path):
    write_predictions(tmp_path / "p.csv", Predictions(["a"], [1], [[0.25, 0.75]]))
    assert (tmp_path / "p.csv").read_text() == "id,label,pred,prob_0,prob_1\na,1,1,0.25,0.75\n"


def test_ids_with_commas_quotes_and_umlauts_survive(tmp_path):
    ids = ("a,b", 'say "hi"', "Übung\nzwei", "a\rb", " a ", "a", "\u2028", "\ufeff", "")
    write_predictions(tmp_path / "p.csv", Predictions(ids, [0] * len(ids), np.ones((len(ids), 1))))
    assert read_predictions(tmp_path / "p.csv").ids == ids


def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("old")
    # A lone surrogate has no UTF-8.
    unwritable = Predictions(["\ud800"], [0], [[1.0]])

    with pytest.raises(UserError, match="it is not UTF-8 text"):
        write_predictions(path, unwritable)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["p.csv"]


def test_the_first_of_equally_probable_classes_is_predicted():
    assert Predictions(["a"], [1], [[0.2, 0.4, 0.4]]).pred.tolist() == [1]


def test_a_file_with_only_predicted_classes_has_no_probabilities(tmp_path):
    (tmp_path / "p.csv").write_text("id,label,pred\na,0,3\nb,2,2\n")
    predictions = read_predictions(tmp_path / "p.csv")

    assert predictions.probs is None
    assert predictions.pred.tolist() == [3, 2]

    write_predictions(tmp_path / "again.csv", predictions)
    assert (tmp_path / "again.csv").read_text() == "id,label,pred\na,0,3\nb,2,2\n"


def test_a_file_with_only_probabilities_and_another_column_order_is_read(tmp_path):
    (tmp_path / "p.csv").write_text("prob_1,label,prob_0,id\n0.9,0,0.1,a\n0.3,1,0.7,b\n")
    predictions = read_predictions(tmp_path / "p.csv")

    assert predictions.pred.tolist() == [1, 0]
    assert predictions.labels.tolist() == [0, 1]


def test_a_tie_after_rounding_keeps_the_predicted_class_of_the_file(tmp_path):
    (tmp_path / "p.csv").write_text("id,label,pred,prob_0,prob_1\na,1,1,0.5,0.5\n")
    assert read_predictions(tmp_path / "p.csv").pred.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it lacks id and label"),
        ("id,label,pred\n", "no clip"),
        ("id,pred\na,1\n", "it lacks label"),
        ("id,label\na,1\n", "needs id,label and pred or prob_0"),
        ("id,label,pred\na,1\n", "line 2 of .* has 2 fields, but the header has 3"),
        (
            "id,label,pred\na,1,1\nb,jump,1\n",
            "label of line 3 is 'jump', which is not a whole number",
        ),
        ("id,label,pred\na,1,1.5\n", "pred of line 2 is '1.5', which is not a whole number"),
        ("id,label,pred\na,99999999999,1\n", "label of line 2 is '99999999999'"),
        ("id,label,pred\na,1,1\na,1,1\n", "id 'a' appears more than once"),
        ("id,label,pred\na,-1,1\n", "label -1 is negative"),
        ("id,label,pred\na,1,-1\n", "pred -1 of 'a' is not one of the classes"),
        ("id,label,prob_0,prob_2\na,1,.5,.5\n", "not named prob_0..prob_1"),
        ("id,label,prob_0,prob_1\na,2,.5,.5\n", "label 2 is outside the 2 classes"),
        ("id,label,prob_0,prob_1\na,1,.5,x\n", "prob_1 of line 2 is 'x', which is not a number"),
        ("id,label,prob_0,prob_1\na,1,.5,.5\nb,1,3.2,-1\n", "probabilities of 'b' .* softmax"),
        ("id,label,prob_0,prob_1\na,1,1.2,-0.2\n", "probabilities of 'a'"),
        ("id,label,prob_0,prob_1\na,1,nan,1\n", "probabilities of 'a'"),
        ("id,label,prob_0,prob_1\na,1,0.1,0.1\n", "probabilities of 'a'"),
        (
            "id,label,pred,prob_0,prob_1\na,1,0,.1,.9\n",
            "pred 0 of 'a' is not its most probable class, 1",
        ),
        ("id,label,pred,prob_0,prob_1\na,1,2,.1,.9\n", "pred 2 of 'a' is not one of the classes"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_the_reason(tmp_path, text, sentence):
    path = tmp_path / "task.csv"
    path.write_text(text)

    with pytest.raises(UserError, match=sentence) as caught:
        read_predictions(path)
    assert "task.csv" in str(caught.value)


def test_numbers_written_as_floats_are_read(tmp_path):
    (tmp_path / "p.csv").write_text("id,label,pred\na,0.0,1e1\nb,2.,3.0\n")
    predictions = read_predictions(tmp_path / "p.csv")
    assert (predictions.labels.tolist(), predictions.pred.tolist()) == ([0, 2], [10, 3])


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="cannot read .*nowhere.csv: No such file"):
        read_predictions(tmp_path / "nowhere.csv")

    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(UserError, match="cannot read .*b.csv"):
        read_predictions(tmp_path / "b.csv")


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(UserError, match="2 ids but labels of shape"):
        Predictions(["a", "b"], [0], np.ones((2, 1)))
    with pytest.raises(UserError, match="2 ids but probabilities of shape"):
        Predictions(["a", "b"], [0, 0], np.ones((3, 1)))
    with pytest.raises(UserError, match="2 ids but predicted classes of shape"):
        Predictions(["a", "b"], [0, 0], None, [1])
    with pytest.raises(UserError, match="neither was given"):
        Predictions(["a"], [0], None)
