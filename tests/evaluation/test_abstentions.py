"""Claim: a clip without an answer counts as wrong, and no mean of probabilities includes it."""

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import metrics, results
from albar_jax.evaluation.analyses import confidence, consistency, mistakes, temporal
from albar_jax.evaluation.audit import read_audit
from albar_jax.evaluation.changed_answers import wrong_to_right
from albar_jax.evaluation.predictions import (
    ABSTAINED,
    Predictions,
    read_predictions,
    write_predictions,
)
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page, outputs
from albar_jax.report.report_data import ReportData

NAN = [np.nan] * 3
# Right, wrong, no answer, right.
PROBS = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], NAN, [0.2, 0.2, 0.6]]
HALF = Predictions("abcd", [0, 0, 1, 2], PROBS, [0, 1, ABSTAINED, 2])
NONE = Predictions("abcd", [0, 0, 1, 2], [NAN] * 4, [ABSTAINED] * 4)


@pytest.mark.parametrize("predictions", [HALF, NONE], ids=["one abstention", "all abstain"])
@pytest.mark.parametrize("with_probs", [True, False])
def test_abstentions_are_empty_fields_and_are_read_back(tmp_path, predictions, with_probs):
    written = predictions
    if not with_probs:
        written = Predictions(written.ids, written.labels, None, written.pred)
    write_predictions(tmp_path / "a.csv", written)
    again = read_predictions(tmp_path / "a.csv")

    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[3] == ("c,1,,,," if with_probs else "c,1,")
    assert again.ids == written.ids
    np.testing.assert_array_equal(again.labels, written.labels)
    np.testing.assert_array_equal(again.pred, written.pred)
    assert (again.probs is None) == (not with_probs)
    if with_probs:
        np.testing.assert_array_equal(again.probs, written.probs)


def test_without_the_column_pred_a_row_without_probabilities_is_an_abstention(tmp_path):
    (tmp_path / "a.csv").write_text("id,label,prob_0,prob_1\na,0,.6,.4\nb,1, ,\n")
    predictions = read_predictions(tmp_path / "a.csv")

    assert predictions.pred.tolist() == [0, ABSTAINED]
    assert predictions.abstained.tolist() == [False, True]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",.6,.4", "pred of line 3 is '', which is not a whole number"),
        ("1,,", "prob_0 of line 3 is '', which is not a number"),
        (",,.4", "prob_0 of line 3 is ''"),
        ("-1,.6,.4", "pred -1 of 'b' is not one of the classes; leave it empty"),
        ("-1,,", "prob_0 of line 3 is ''"),
        ("nan,,", "prob_0 of line 3 is ''"),
    ],
)
def test_half_an_answer_is_refused(tmp_path, row, message):
    (tmp_path / "a.csv").write_text(f"id,label,pred,prob_0,prob_1\na,0,0,.6,.4\nb,1,{row}\n")
    with pytest.raises(UserError, match=message):
        read_predictions(tmp_path / "a.csv")


def test_nan_probabilities_are_an_abstention_only_if_it_is_given():
    with pytest.raises(UserError, match="'a' are not numbers in 0..1"):
        Predictions("a", [0], [NAN])
    with pytest.raises(UserError, match="'a' has probabilities but no predicted class"):
        Predictions("a", [0], [[1, 0, 0]], [ABSTAINED])
    with pytest.raises(UserError, match="pred -2 of 'a' is not one of the classes"):
        Predictions("a", [0], None, [-2])


def test_an_abstention_is_wrong_and_has_no_confidence():
    assert metrics.top1(HALF) == 0.5
    assert confidence.confidence(HALF) == pytest.approx((0.8 + 0.7 + 0.6) / 3)
    assert 0 < confidence.entropy(HALF) < 1
    assert metrics.confusion_matrix(HALF, 3).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]

    assert metrics.top1(NONE) == 0
    assert confidence.confidence(NONE) is None
    assert confidence.entropy(NONE) is None
    assert not metrics.confusion_matrix(NONE, 3).any()


def test_an_abstention_agrees_with_nothing():
    # Video v: 0, none, none. Video w: 1, 1.
    copies = Predictions(["v__0", "v__1", "v__2", "w__0", "w__1"], [0] * 5, None, [0, -1, -1, 1, 1])
    original = Predictions(["v", "w"], [0, 0], None, [-1, 1])

    # 0 of 3 pairs, 1 of 1 pair.
    assert consistency.copies_agree([copies]) == 0.5
    # 0 of 3 clips, 2 of 2 clips.
    assert consistency.original_agrees([copies], original) == 0.4
    # 0 = 0, and two abstentions.
    first = Predictions("ab", [0, 0], None, [0, -1])
    assert temporal.same_answer(first, first) == 0.5
    assert temporal.stay_right(first, first) == 1


def test_an_abstention_is_no_mistake_read_from_the_still_or_the_foreground():
    # a: both abstain; b: both say 2; c: 1 and 2.
    scuba = Predictions("abc", [0, 0, 0], None, [-1, 2, 1])
    scufo = Predictions("abc", [0, 0, 0], None, [-1, 2, 2])
    assert mistakes.share_like_still([(scuba, scufo)]) == 0.5
    assert mistakes.share_like_foreground(scuba, {"a": 2, "b": 2, "c": 2}) == 0.5


def test_a_clip_that_is_answered_at_last_gains_its_probability():
    abstains = Predictions("ab", [0, 0], [NAN, [0.4, 0.6, 0]], [-1, 1])
    right = Predictions("ab", [0, 0], [[0.9, 0.1, 0], [0.7, 0.3, 0]])
    # Gains of 0.9 and 0.3.
    assert wrong_to_right(abstains, right, 1) == ("a",)


def test_a_model_without_any_answer_has_a_report(tmp_path):
    (tmp_path / "mine").mkdir()
    for task in ("quickstart", "quickstart_scuba", "quickstart_scufo", "quickstart_static"):
        (tmp_path / "mine" / f"{task}.csv").write_text("id,label,pred\na,1,\nb,2,\n")
    audit = read_audit([tmp_path])
    data = ReportData(results.summarise(audit.suite, audit.runs), audit.classes)

    assert audit.classes == ("0", "1", "2")
    assert data.results.summaries[0].mean["iid"] == 0
    text = (
        "Clips without an answer of the model (abstentions), which count as wrong: quickstart 2, "
        "quickstart_scuba 2, quickstart_scufo 2, quickstart_static 2 (all models)."
    )
    assert text in data.notes
    assert text in outputs.to_json(data)["notes"]
    assert text in outputs.markdown(data)
    assert text in html_page.render(data)


def test_abstentions_do_not_change_the_first_class_number(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "quickstart.csv").write_text("id,label,pred\na,1,\nb,2,2\n")
    (tmp_path / "mine" / "classes.txt").write_text("1 left\n2 right\n")
    with pytest.raises(UserError, match="counts classes from 1, and no prediction has class 0"):
        read_audit([tmp_path])


def test_runs_with_the_same_abstentions_share_a_sentence():
    runs = [ModelRun(name, 0, None, {"quickstart": HALF}) for name in ("x", "y")]
    runs.append(ModelRun("z", 0, None, {"quickstart": NONE, "quickstart_afd": HALF}))
    data = ReportData(results.summarise(SUITES["quickstart"], runs), ("p", "q", "r"))
    begin = "Clips without an answer of the model (abstentions), which count as wrong: "
    assert data.abstention_notes == [
        f"{begin}quickstart 1 (x, seed 0; y, seed 0).",
        f"{begin}quickstart 4, quickstart_afd 1 (z, seed 0).",
    ]
