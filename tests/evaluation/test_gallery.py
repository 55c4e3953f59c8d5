import dataclasses
import re

import numpy as np
import pytest

from albar_jax.evaluation.predictions import ABSTAINED, Predictions
from albar_jax.evaluation.results import ModelRun, summarise
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page, plots
from albar_jax.report.anchors import anchor
from albar_jax.report.gallery import Limits, choose_pairs
from albar_jax.report.report_data import ReportData
from albar_jax.report.strips import draw_strips

QUICKSTART = SUITES["quickstart"]


@pytest.fixture
def two_models(make_run):
    """Returns two runs: only `good` needs the motion on clips 0-3, only `other` on clips 4-6."""
    ones = [1] * 20
    good = make_run("good", 0, iid=ones, scuba=ones, scufo=[0] * 4 + [1] * 16, conflfg=ones)
    other = make_run(
        "other", 0, iid=ones, scuba=ones, scufo=[1] * 4 + [0] * 3 + [1] * 13, conflfg=ones
    )
    return [good, other]


def test_disagreements_failures_and_typical_clips_are_shown_each_once(two_models):
    pairs = choose_pairs(
        QUICKSTART,
        two_models,
        best="good",
        limits=Limits(shortcuts=0, disagreeing=3, typical=1),
    )
    assert [pair.reason for pair in pairs] == [
        *["The models disagree most"] * 3,
        "good, the highest in contrasted accuracy, fails",
        # 13 of 20.
        "Typical: 65\u00a0% of the clips have these verdicts",
    ]
    assert len({pair.id for pair in pairs}) == 5


def test_no_clip_is_shown_twice_even_when_every_class_was_shown(two_models):
    pairs = choose_pairs(
        QUICKSTART, two_models, limits=Limits(shortcuts=0, disagreeing=9, typical=0)
    )
    disagreeing = [pair.id for pair in pairs if pair.reason == "The models disagree most"]

    # These are all clips on which they disagree.
    assert sorted(disagreeing) == [f"clip_{i}" for i in range(7)]


def test_an_example_fits_its_reason(two_models):
    pairs = choose_pairs(
        QUICKSTART,
        two_models,
        best="good",
        limits=Limits(shortcuts=0, disagreeing=3, typical=3),
    )
    verdicts = [tuple(answer.verdict for answer in pair.predictions) for pair in pairs]
    needs, enough = "needs the motion", "a still was enough"

    assert all(set(pair) == {needs, enough} for pair in verdicts[:3])
    assert verdicts[3][0] == enough
    assert [pair.reason.split("\u00a0")[0] for pair in pairs[4:]] == [
        "Typical: 65",
        "Typical: 20",
        "Typical: 15",
    ]
    assert verdicts[4:] == [(enough, enough), (needs, enough), (enough, needs)]


def test_shortcuts_come_first_from_the_stills_with_the_highest_probability(make_run):
    ones = [1] * 24
    run = make_run("ce", 0, iid=ones, scuba=ones, scufo=[1] * 20 + [0] * 4, conflfg=ones)
    still = run.predictions["quickstart_scufo"]
    sure = still.probs.copy()
    # Stills 0-19 are correct, and 8-17 have the highest probabilities. 20-23 are higher, but wrong.
    sure[8:18] = 0.97 * np.eye(4)[still.pred[8:18]] + 0.0075
    sure[20:] = 0.99 * np.eye(4)[still.pred[20:]] + 0.0025
    run = dataclasses.replace(
        run,
        predictions=run.predictions
        | {"quickstart_scufo": Predictions(still.ids, still.labels, sure)},
    )
    pairs = choose_pairs(QUICKSTART, [run], limits=Limits(shortcuts=12, disagreeing=0, typical=0))

    assert sorted(pair.id for pair in pairs) == sorted(f"clip_{i}" for i in range(8, 18))
    assert {pair.reason for pair in pairs} == {
        "A shortcut of ce: the still is classified correctly"
    }
    assert [pair.label for pair in pairs][:4] != [pairs[0].label] * 4
    assert all(pair.predictions[0].static_sure == pytest.approx(0.9775) for pair in pairs)
    assert pairs[0].predictions[0].moving_sure == pytest.approx(0.9)


def test_without_probabilities_shortcuts_are_still_found(make_run):
    run = make_run("ce", 0, iid=[1] * 3, scuba=[1] * 3, scufo=[0, 1, 1], conflfg=[1] * 3)
    chosen = {
        task: Predictions(p.ids, p.labels, None, p.pred) for task, p in run.predictions.items()
    }
    run = dataclasses.replace(run, predictions=chosen)
    pairs = choose_pairs(QUICKSTART, [run], limits=Limits(disagreeing=0, typical=0, at_most=2))

    assert [pair.id for pair in pairs] == ["clip_1", "clip_2"]
    assert pairs[0].predictions[0].static_sure is None


def test_classes_not_yet_shown_come_first(make_run):
    # The models disagree on clips 0, 4, 8 (class 0) and 9 (class 1).
    ones, both = [1] * 10, [1, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    split = [0, 0, 1, 1, 0, 1, 1, 1, 0, 0]
    runs = [
        make_run(name, 0, iid=ones, scuba=ones, scufo=s, conflfg=ones)
        for name, s in (("a", split), ("b", both))
    ]
    pairs = choose_pairs(QUICKSTART, runs, limits=Limits(shortcuts=0, disagreeing=3, typical=0))

    assert [pair.id for pair in pairs][:3] == ["clip_0", "clip_9", "clip_4"]


def test_the_choice_does_not_depend_on_the_order_of_the_clips(two_models):
    def reverse(predictions):
        return Predictions(predictions.ids[::-1], predictions.labels[::-1], predictions.probs[::-1])

    turned = [
        dataclasses.replace(
            run, predictions={task: reverse(p) for task, p in run.predictions.items()}
        )
        for run in two_models
    ]

    assert choose_pairs(QUICKSTART, turned) == choose_pairs(QUICKSTART, two_models)


def test_predictions_belong_to_their_clip_if_the_stills_have_another_order(make_run):
    run = make_run("ce", 0, iid=[1], scuba=[1, 0, 1, 0], scufo=[0, 1, 1, 0], conflfg=[1])
    still = run.predictions["quickstart_scufo"]
    order = np.array([2, 0, 3, 1])
    shuffled = Predictions(
        tuple(still.ids[i] for i in order), still.labels[order], still.probs[order]
    )
    run = dataclasses.replace(run, predictions=run.predictions | {"quickstart_scufo": shuffled})
    pairs = {
        pair.id: pair.predictions[0]
        for pair in choose_pairs(QUICKSTART, [run], limits=Limits(typical=4))
    }

    assert {clip: answer.verdict for clip, answer in pairs.items()} == {
        "clip_0": "needs the motion",
        "clip_1": "only the still",
        "clip_2": "a still was enough",
        "clip_3": "not recognized",
    }
    # A wrong prediction is the next class.
    assert (pairs["clip_0"].moving, pairs["clip_0"].static) == (0, 1)
    assert (pairs["clip_1"].moving, pairs["clip_1"].static) == (2, 1)


def test_without_a_background_with_predictions_of_all_models_there_is_no_pair(two_models):
    first, second = two_models
    second = dataclasses.replace(
        second, predictions={"quickstart": second.predictions["quickstart"]}
    )

    assert choose_pairs(QUICKSTART, [first, second]) == ()


def test_classes_that_no_rule_shows_get_a_pair_up_to_the_limit(make_run):
    ones = [1] * 8
    run = make_run("ce", 0, iid=ones, scuba=ones, scufo=[0, 1, 0, 0, 0, 0, 0, 0], conflfg=ones)
    rules = {"shortcuts": 1, "disagreeing": 0, "typical": 0}

    chosen = {}
    for at_most in (0, 3, 16):
        pairs = choose_pairs(QUICKSTART, [run], limits=Limits(**rules, at_most=at_most))
        chosen[at_most] = [pair.id for pair in pairs]

    # Clip 1 is the shortcut; clips 0, 2 and 3 are the first of their classes.
    assert chosen == {
        0: ["clip_1"],
        3: ["clip_1", "clip_0", "clip_2"],
        16: ["clip_1", "clip_0", "clip_2", "clip_3"],
    }


def test_a_still_that_is_right_by_chance_is_no_shortcut(make_run):
    run = make_run("ce", 0, iid=[1] * 3, scuba=[1, 1, 0], scufo=[1] * 3, conflfg=[1] * 3)
    still = run.predictions["quickstart_scufo"]
    # Twice chance is 0.5 for four classes: below it, a tie, and below it again.
    sure = np.array([0.4, 0.5, 0.4])
    probs = np.full((3, 4), ((1 - sure) / 3)[:, None])
    probs[np.arange(3), still.labels] = sure
    tasks = run.predictions | {"quickstart_scufo": Predictions(still.ids, still.labels, probs)}
    run = dataclasses.replace(run, predictions=tasks)
    shown = {pair.id: pair for pair in choose_pairs(QUICKSTART, [run])}

    assert {clip: pair.predictions[0].verdict for clip, pair in shown.items()} == {
        "clip_0": "the still is a guess",
        "clip_1": "a still was enough",
        "clip_2": "not recognized",
    }
    assert [pair.predictions[0].needs_motion for pair in shown.values()].count(True) == 1
    assert all(pair.predictions[0].static_right for pair in shown.values())
    shortcuts = [clip for clip, pair in shown.items() if pair.reason.startswith("A shortcut")]
    assert shortcuts == ["clip_1"]


def test_an_anchor_is_readable_and_belongs_to_one_name():
    assert anchor("clip", "test_00021__0") == "clip-test_00021__0"
    names = ["a/b", "a b", "a-b", "-a-b", "a" * 70, "a" * 71, "\ud800", "", "<b>", "<i>"]
    anchors = [anchor("clip", name) for name in names]

    assert anchors[0].startswith("clip-a-b-")
    assert len(set(anchors)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", text) for text in anchors)


def test_without_masks_ordinary_clips_are_shown_beside_their_middle_frames(answers):
    tasks = {"quickstart": answers([1, 1, 0]), "quickstart_static": answers([1, 0, 0])}
    runs = [ModelRun("ce", 0, None, tasks)]
    pairs = {pair.id: pair for pair in choose_pairs(QUICKSTART, runs)}

    assert {clip: pair.predictions[0].verdict for clip, pair in pairs.items()} == {
        "clip_0": "a still was enough",
        "clip_1": "needs the motion",
        "clip_2": "not recognized",
    }
    assert all(pair.is_plain for pair in pairs.values())

    # Frame i of a clip has the value 10 i. The page needs no video of the still.
    clip = np.arange(0, 50, 10, np.uint8)[:, None, None, None].repeat(3, axis=3)
    read = {"quickstart": clip}
    data = ReportData(summarise(QUICKSTART, runs), ("a", "b", "c", "d"), lambda task, _: read[task])
    strips = draw_strips(data)
    assert {strip.still for strip in strips} == {plots.frame_picture(clip[2])}
    assert all(len(strip.frames) == 5 for strip in strips)
    assert "Ordinary test clips" in html_page.render(data)


def test_an_abstention_is_no_answer(answers):
    right = answers([1, 1])
    probs = right.probs.copy()
    probs[1] = np.nan
    silent = Predictions(right.ids, right.labels, probs, np.array([0, ABSTAINED]))
    runs = [ModelRun("ce", 0, None, {"quickstart": silent, "quickstart_static": silent})]
    shown = {pair.id: pair.predictions[0] for pair in choose_pairs(QUICKSTART, runs)}

    assert shown["clip_0"].static_sure == pytest.approx(0.9)
    assert shown["clip_1"].moving == shown["clip_1"].static == ABSTAINED
    assert (shown["clip_1"].moving_sure, shown["clip_1"].verdict) == (None, "not recognized")
    page = html_page.render(ReportData(summarise(QUICKSTART, runs), ("a", "b", "c", "d")))
    assert page.count(">no answer<") + page.count(">no answer\n") == 2
