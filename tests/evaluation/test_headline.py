import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.analyses import analyse
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page
from albar_jax.report.headline import headline
from albar_jax.report.report_data import ReportData

QUICKSTART = SUITES["quickstart"]
ONES, ZEROS = [1] * 40, [0] * 40


def headline_of(suite, runs):
    summarised = results.summarise(suite, runs)
    return headline(summarised, analyse(summarised, 8))


@pytest.fixture
def say(make_run):
    def sentence(**models):
        """Returns the headline for {name: (scuba, scufo)}, with plain spaces."""
        runs = [
            make_run(name, 0, iid=ONES, scuba=scuba, scufo=scufo, conflfg=ONES)
            for name, (scuba, scufo) in models.items()
        ]
        return headline_of(QUICKSTART, runs).replace("\u00a0", " ")

    return sentence


def test_a_clear_difference_names_both_models_and_their_figures(say):
    expected = (
        "With the background replaced, ce recognizes 100 % of the clips from a single motionless "
        "frame, albar 0 %; "
        "100 % of the predictions need the motion for albar, against 0 % for ce. "
        "(Chance in the test videos: p < 0.001{}. One training seed each: another seed may give "
        "another order.)"
    )
    assert say(ce=(ONES, ONES), albar=(ONES, ZEROS)) == expected.format("")

    three = say(albar=(ONES, ZEROS), middling=(ONES, [0, 1] * 20), ce=(ONES, ONES))
    assert three == expected.format(", corrected for the 3 pairs of models")


def test_a_plain_model_may_be_the_best(say):
    assert "100 % of the predictions need the motion for ce, against 0 % for albar" in say(
        ce=(ONES, ZEROS), albar=(ONES, ONES)
    )


def test_a_difference_that_chance_could_explain_is_not_clear(say):
    sentence = say(ce=(ONES, [0, 1] * 20), albar=(ONES, [1, 0] * 10 + [0, 1] * 9 + [0, 0]))
    assert sentence.startswith(
        "No clear difference: 52 % of the predictions need the motion for albar and 50 % for "
    )


def test_a_small_difference_in_one_direction_is_clear_though_the_intervals_overlap(say):
    """36 against 27 of 60: the other model is better on no clip, p = 0.004."""
    ones = [1] * 60
    sentence = say(ce=(ones, [1] * 33 + [0] * 27), albar=(ones, [1] * 24 + [0] * 36))

    assert "60 % of the predictions need the motion for albar, against 45 % for ce" in sentence


def test_with_several_seeds_the_headline_says_so_and_the_seeds_must_agree(make_run):
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

    # The means are 20 points apart. This is clear only if the seeds of a recipe agree.
    agree = headline_of(QUICKSTART, runs("ce", 28, 29, 28) + runs("albar", 20, 20, 21))
    differ = headline_of(QUICKSTART, runs("ce", 18, 38, 29) + runs("albar", 11, 31, 19))

    assert (
        "against 29\u00a0% for ce. (Chance in the test videos and training seeds: p = 0.0" in agree
    )
    assert "another seed" not in agree
    assert differ.startswith("No clear difference:")


def test_a_single_model_is_described_alone(say):
    assert say(ce=(ONES, [1, 1, 1, 0] * 10)) == (
        "With the background replaced, ce classifies 100 % of the moving clips correctly, and 75 % "
        "of motionless stills taken from them; 25 % of its predictions need the motion."
    )


def test_pairs_on_some_backgrounds_are_mentioned(answers):
    stripes = {f"hmdb51_{kind}_stripe": answers([1]) for kind in ("scuba", "scufo")}
    some = (
        "every run has predictions for every pair of moving and static clips, so there is no mean "
        "over backgrounds; see the table"
    )

    assert headline_of(SUITES["hmdb51"], [ModelRun("ce", 0, None, stripes)]).startswith(
        f"Not {some}"
    )

    sentence = headline_of(
        SUITES["hmdb51"], [ModelRun("ce", 0, None, stripes | {"hmdb51": answers([1])})]
    )
    assert sentence.startswith(
        f"ce classifies 100\u00a0% of the original test clips correctly; not {some}"
    )


def test_pairs_of_one_seed_are_mentioned(answers):
    pair = {f"quickstart_{kind}": answers([1]) for kind in ("scuba", "scufo")}
    runs = [
        ModelRun("ce", seed, None, {"quickstart": answers([1])} | more)
        for seed, more in enumerate((pair, {}))
    ]

    assert headline_of(QUICKSTART, runs).endswith("clips, so there is no mean over backgrounds.")


def test_without_pairs_there_is_no_claim_about_bias(answers):
    right = {"low": [1, 0, 0, 0], "ce": [1, 1, 0, 1], "none": [0, 0, 0, 0]}
    runs = [
        ModelRun(name, 0, None, {"quickstart": answers(values)}) for name, values in right.items()
    ]

    assert (
        "ce classifies 75\u00a0% of the original test clips correctly; bias was not measured"
        in headline_of(QUICKSTART, runs)
    )

    only_conflfg = [ModelRun("ce", 0, None, {"quickstart_conflfg": answers([1])})]
    assert headline_of(QUICKSTART, only_conflfg).startswith(
        "Neither the original test set of Quickstart nor pairs"
    )


def on_stills(answers, **models):
    """Returns the headline for {name: (test clips, stills)}, with plain spaces."""
    runs = []
    for name, (right, stills) in models.items():
        tasks = {"quickstart": answers(right), "quickstart_static": answers(stills)}
        runs.append(ModelRun(name, 0, None, tasks))
    data = ReportData(results.summarise(QUICKSTART, runs), [str(k) for k in range(4)])
    return headline(data.results, data.analysis, data.optional, data.optional_analysis).replace(
        "\u00a0", " "
    )


def test_without_masks_the_stills_of_the_test_split_decide(answers):
    assert on_stills(answers, mine=(ONES, [1] * 30 + [0] * 10)) == (
        "mine classifies 100 % of the test clips correctly, and 75 % from their middle frame "
        "alone; 25 % of its predictions need the motion."
    )
    assert on_stills(answers, a=(ONES, ONES), b=(ONES, ZEROS)) == (
        "a recognizes 100 % of the test clips from their middle frame alone, b 0 %; 100 % of the "
        "predictions need the motion for b, against 0 % for a. (Chance in the test videos: "
        "p < 0.001. One training seed each: another seed may give another order.)"
    )
    assert on_stills(answers, a=(ONES, ONES), b=(ONES, [1] * 39 + [0])).startswith(
        "No clear difference: 2 % of the predictions need the motion for b and 0 % for a; "
    )


def test_a_model_that_guesses_is_named(answers):
    # 10 of 40 are right: one of four classes, always.
    runs = []
    for name, right in (("guesses", [1] * 10 + [0] * 30), ("sees", ONES)):
        tasks = {"quickstart": answers(right), "quickstart_static": answers(right)}
        runs.append(ModelRun(name, 0, None, tasks))
    data = ReportData(results.summarise(QUICKSTART, runs), [str(k) for k in range(4)])
    tables = (data.results, data.analysis, data.optional, data.optional_analysis)

    assert headline(*tables, num_classes=4).endswith(
        " No better than chance on the original test clips: guesses (25\u00a0% among 4 classes)."
    )
    assert "better than chance" not in headline(*tables)
    assert "guesses (25\u00a0% among 4 classes)" in html_page.render(data)


def test_chance_in_a_subset_is_that_of_its_classes():
    # Always the first of two classes in common with the four of the test set.
    clips = Predictions([f"v{n}" for n in range(40)], [0, 1] * 20, [[0.6, 0.4, 0, 0]] * 40)
    runs = [ModelRun("m", 0, None, {"quickstart": clips})]
    data = ReportData(results.summarise(QUICKSTART, runs), "abcd")
    text = headline(data.results, data.analysis, num_classes=4)
    assert text.endswith("test clips: m (50\u00a0% among 2 classes).")
