import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.finding import finding
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES

QUICKSTART = SUITES["quickstart"]
ONES, ZEROS = [1] * 40, [0] * 40


@pytest.fixture
def say(make_run):
    def sentence(**models):
        """From {name: (scuba, scufo)} to the finding; no-break spaces made plain."""
        runs = [
            make_run(name, 0, iid=ONES, scuba=scuba, scufo=scufo, conflfg=ONES)
            for name, (scuba, scufo) in models.items()
        ]
        return finding(QUICKSTART, results.summarise(QUICKSTART, runs)).replace("\u00a0", " ")

    return sentence


def test_a_clear_difference_names_both_models_and_their_figures(say):
    expected = (
        "With the background replaced, ce recognises 100 % of the clips from a single motionless frame, albar 0 %; "
        "answers that need the motion are 100 % of the clips for albar, against 0 % for ce."
    )
    assert say(ce=(ONES, ONES), albar=(ONES, ZEROS)) == expected
    assert say(albar=(ONES, ZEROS), middling=(ONES, [0, 1] * 20), ce=(ONES, ONES)) == expected


def test_the_names_carry_no_claim_a_plain_model_may_win(say):
    assert "100 % of the clips for ce, against 0 % for albar" in say(ce=(ONES, ZEROS), albar=(ONES, ONES))


def test_overlapping_intervals_are_no_clear_difference(say):
    sentence = say(ce=(ONES, [0, 1] * 20), albar=(ONES, [0] * 22 + [1] * 18))
    assert sentence.startswith("No clear difference: 55 % of the answers of albar need the motion, and 50 %")


def test_a_model_alone_is_described_alone(say):
    assert say(ce=(ONES, [1, 1, 1, 0] * 10)) == (
        "With the background replaced, ce names 100 % of the moving clips right, and 75 % of motionless stills taken "
        "from them; 25 % of its answers need the motion."
    )


def test_pairs_on_some_backgrounds_are_not_called_none(answers):
    stripes = {f"hmdb51_{kind}_stripe": answers([1]) for kind in ("scuba", "scufo")}
    for ordinary, start in (
        ({}, ""),
        ({"hmdb51": answers([1])}, "ce names 100\u00a0% of the ordinary test clips right; "),
    ):
        models = results.summarise(SUITES["hmdb51"], [ModelRun("ce", 0, None, stripes | ordinary)])
        sentence = finding(SUITES["hmdb51"], models)
        assert sentence.startswith(f"{start}pairs of moving and static clips are there for some backgrounds only")


def test_without_pairs_nothing_is_said_about_bias(answers):
    right = {"low": [1, 0, 0, 0], "ce": [1, 1, 0, 1], "none": [0, 0, 0, 0]}
    runs = [ModelRun(name, 0, None, {"quickstart": answers(values)}) for name, values in right.items()]
    only_iid = results.summarise(QUICKSTART, runs)
    assert "ce names 75\u00a0% of the ordinary test clips right; bias was not measured" in finding(QUICKSTART, only_iid)
    only_conflfg = results.summarise(QUICKSTART, [ModelRun("ce", 0, None, {"quickstart_conflfg": answers([1])})])
    assert finding(QUICKSTART, only_conflfg).startswith("Neither the ordinary test set of Quickstart nor pairs")
