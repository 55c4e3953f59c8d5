import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.analyses import analyse
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report.headline import headline

QUICKSTART = SUITES["quickstart"]
ONES, ZEROS = [1] * 40, [0] * 40


def found(suite, runs):
    summaries = results.summarise(suite, runs)
    return headline(suite, summaries, analyse(suite, summaries, 8))


@pytest.fixture
def say(make_run):
    def sentence(**models):
        """From {name: (scuba, scufo)} to the finding; no-break spaces made plain."""
        runs = [
            make_run(name, 0, iid=ONES, scuba=scuba, scufo=scufo, conflfg=ONES)
            for name, (scuba, scufo) in models.items()
        ]
        return found(QUICKSTART, runs).replace("\u00a0", " ")

    return sentence


def test_a_clear_difference_names_both_models_and_their_figures(say):
    expected = (
        "With the background replaced, ce recognises 100 % of the clips from a single motionless frame, albar 0 %; "
        "answers that need the motion are 100 % of the clips for albar, against 0 % for ce. "
        "(Chance in the test videos: p < 0.001{}. One training seed each: another seed may give another order.)"
    )
    assert say(ce=(ONES, ONES), albar=(ONES, ZEROS)) == expected.format("")
    three = say(albar=(ONES, ZEROS), middling=(ONES, [0, 1] * 20), ce=(ONES, ONES))
    assert three == expected.format(", corrected for the 3 pairs of models")


def test_the_names_carry_no_claim_a_plain_model_may_win(say):
    assert "100 % of the clips for ce, against 0 % for albar" in say(
        ce=(ONES, ZEROS), albar=(ONES, ONES)
    )


def test_what_chance_could_explain_is_no_clear_difference(say):
    sentence = say(ce=(ONES, [0, 1] * 20), albar=(ONES, [1, 0] * 10 + [0, 1] * 9 + [0, 0]))
    assert sentence.startswith(
        "No clear difference: 52 % of the clips need the motion for albar and 50 % for "
    )


def test_a_small_difference_that_all_clips_agree_on_is_clear_though_the_intervals_overlap(say):
    """36 against 27 of 60: no clip speaks for the other model, p = 0.004."""
    ones = [1] * 60
    sentence = say(ce=(ones, [1] * 33 + [0] * 27), albar=(ones, [1] * 24 + [0] * 36))
    assert (
        "answers that need the motion are 60 % of the clips for albar, against 45 % for ce"
        in sentence
    )


def test_with_several_seeds_the_headline_says_so_and_asks_more_than_the_videos_do(make_run):
    def runs(name, *stills):
        return [
            make_run(
                name,
                seed,
                iid=ONES,
                scuba=ONES,
                scufo=[1] * still + [0] * (40 - still),
                conflfg=ONES,
            )
            for seed, still in enumerate(stills)
        ]

    # The means are 20 points apart. Only where the seeds of a recipe agree does that say more than they do.
    agree = found(QUICKSTART, runs("ce", 28, 29, 28) + runs("albar", 20, 20, 21))
    differ = found(QUICKSTART, runs("ce", 18, 38, 29) + runs("albar", 11, 31, 19))
    assert (
        "against 29\u00a0% for ce. (Chance in the test videos and training seeds: p = 0.0" in agree
    )
    assert "another seed" not in agree
    assert differ.startswith("No clear difference:")


def test_a_model_alone_is_described_alone(say):
    assert say(ce=(ONES, [1, 1, 1, 0] * 10)) == (
        "With the background replaced, ce names 100 % of the moving clips right, and 75 % of motionless stills taken "
        "from them; 25 % of its answers need the motion."
    )


def test_pairs_on_some_backgrounds_are_not_called_none(answers):
    stripes = {f"hmdb51_{kind}_stripe": answers([1]) for kind in ("scuba", "scufo")}
    some = "every run has answered every pair of moving and static clips, so bias is not summed up: see the table"
    assert found(SUITES["hmdb51"], [ModelRun("ce", 0, None, stripes)]).startswith(f"Not {some}")
    sentence = found(
        SUITES["hmdb51"], [ModelRun("ce", 0, None, stripes | {"hmdb51": answers([1])})]
    )
    assert sentence.startswith(f"ce names 100\u00a0% of the ordinary test clips right; not {some}")


def test_pairs_of_one_seed_are_not_called_none(answers):
    pair = {f"quickstart_{kind}": answers([1]) for kind in ("scuba", "scufo")}
    runs = [
        ModelRun("ce", seed, None, {"quickstart": answers([1])} | more)
        for seed, more in enumerate((pair, {}))
    ]
    assert found(QUICKSTART, runs).endswith("clips, so bias is not summed up.")


def test_without_pairs_nothing_is_said_about_bias(answers):
    right = {"low": [1, 0, 0, 0], "ce": [1, 1, 0, 1], "none": [0, 0, 0, 0]}
    runs = [
        ModelRun(name, 0, None, {"quickstart": answers(values)}) for name, values in right.items()
    ]
    assert "ce names 75\u00a0% of the ordinary test clips right; bias was not measured" in found(
        QUICKSTART, runs
    )
    only_conflfg = [ModelRun("ce", 0, None, {"quickstart_conflfg": answers([1])})]
    assert found(QUICKSTART, only_conflfg).startswith(
        "Neither the ordinary test set of Quickstart nor pairs"
    )
