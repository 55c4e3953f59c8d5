"""Claim: each figure of the second table is what its sentence says, by hand."""

import dataclasses

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import paired_scores, results
from albar_jax.evaluation.analyses import compare
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.counts import count_clips_over_seeds
from albar_jax.evaluation.optional_sets import on_optional_sets, ratio
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import cells, html_page, outputs
from albar_jax.report.report_data import ReportData

QUICKSTART = SUITES["quickstart"]
ROWS = [
    "static",
    "needs_motion",
    "needs_motion_margin",
    "contrasted",
    "contrasted_margin",
    "afd",
    "hat_human",
    "hat_human_ratio",
    "hat_background",
    "hat_background_ratio",
    "hat_swap",
    "hat_swap_scene",
    "hat_swap_close",
    "hat_swap_close_scene",
    "hat_swap_far",
    "hat_swap_far_scene",
]


def chosen(**answers):
    """Returns predictions from id = (label, predicted class)."""
    labels, pred = zip(*answers.values(), strict=True)
    return Predictions(tuple(answers), labels, None, pred)


# a, b, d are right; c is wrong; e has no answer.
ORIGINAL = chosen(a=(0, 0), b=(1, 1), c=(2, 0), d=(3, 3), e=(0, -1))


def table(tasks, scenes=None, name="mine"):
    summarised = results.summarise(QUICKSTART, [ModelRun(name, 0, None, tasks)])
    return on_optional_sets(summarised, scenes or {})


def test_without_an_optional_set_or_a_pair_there_is_no_table():
    assert table({"quickstart": ORIGINAL}) is None


def test_a_run_with_only_an_optional_set_has_a_report():
    run = ModelRun("mine", 0, None, {"quickstart_hat_human": chosen(a=(0, 0), b=(1, 0))})
    data = ReportData(results.summarise(QUICKSTART, [run]), ["jump", "run"])
    assert "| Human only ↑ | 50.0 [0.0, 100.0] | 2 |" in outputs.markdown(data)
    assert "Neither the original test set of Quickstart" in html_page.render(data)


def test_rows_are_shown_if_a_model_has_their_tasks():
    every = dict.fromkeys(QUICKSTART.every_task, ORIGINAL)
    assert [row.name for row in table(every).suite.rows] == ROWS

    static = table({"quickstart": ORIGINAL, "quickstart_static": ORIGINAL})
    assert [row.name for row in static.suite.rows] == ROWS[:3]
    # Without the original clips there is only the accuracy.
    afd = table({"quickstart_scuba": ORIGINAL, "quickstart_afd": ORIGINAL})
    assert [row.name for row in afd.suite.rows] == ["afd"]


def test_stills_of_the_test_split():
    # c is right only as a still; d has no still, x no clip; e is right as a still.
    stills = chosen(b=(1, 1), a=(0, 2), c=(2, 2), e=(0, 0), x=(0, 0))
    shown = table({"quickstart": ORIGINAL, "quickstart_static": stills})
    (summary,) = shown.summaries

    assert summary.mean["static"] == 80
    # Of the pairs a, b, c, e, only a needs the motion.
    assert summary.mean["needs_motion"] == 25
    # There are no probabilities.
    assert summary.mean["needs_motion_margin"] is None
    assert summary.interval["needs_motion_margin"] is None
    count = count_clips_over_seeds(shown.suite.row("needs_motion"), summary)
    assert (count.tested, count.left_out) == (4, 2)
    (note,) = cells.unpaired_notes(shown)
    assert note == (
        "Needs the motion: 2 clips without a partner of their id do not count, d first (all "
        "models)."
    )


def test_pairs_without_a_partner_are_reported_once():
    probs = np.eye(4)[[0, 1]]
    clips = Predictions("ab", [0, 1], probs)
    tasks = dict.fromkeys(["quickstart", "quickstart_scuba"], clips)
    tasks |= dict.fromkeys(
        ["quickstart_static", "quickstart_scufo"], Predictions("a", [0], probs[:1])
    )
    summarised = results.summarise(QUICKSTART, [ModelRun("m", 0, None, tasks)])
    notes = [note for note in ReportData(summarised, tuple("pqrs")).notes if "partner" in note]

    assert [note.partition(":")[0] for note in notes] == ["Contrasted", "Needs the motion"]


def test_stills_of_other_videos_are_refused():
    with pytest.raises(UserError, match="no still clip has the id of a moving clip"):
        table({"quickstart": ORIGINAL, "quickstart_static": chosen(z=(0, 0))})


def test_human_only_clips_and_their_ratio_to_the_same_originals():
    # a is right once of two copies; c is right; z has no original.
    human = chosen(a__0=(0, 0), a__1=(0, 1), c=(2, 2), e=(0, -1), z=(0, 0))
    shown = table({"quickstart": ORIGINAL, "quickstart_hat_human": human})
    (summary,) = shown.summaries

    assert summary.mean["hat_human"] == pytest.approx(60)
    # 2 of the clips a__0, a__1, c, e are right; their originals are right for a__0 and a__1.
    assert summary.mean["hat_human_ratio"] == pytest.approx(100)
    count = count_clips_over_seeds(shown.suite.row("hat_human_ratio"), summary)
    # The originals b and d have no such clip, and are not missed.
    assert (count.tested, count.left_out) == (4, 1)

    # Nor is an unreadable original.
    partial = ORIGINAL.with_left_out({"unreadable": 0})
    shown = table({"quickstart": partial, "quickstart_hat_human": human})
    count = count_clips_over_seeds(shown.suite.row("hat_human_ratio"), shown.summaries[0])
    assert (count.tested, count.left_out) == (4, 1)


def test_copies_weigh_as_much_as_their_original_in_a_ratio():
    background = chosen(a=(0, 0), b=(1, 0), d__0=(3, 3), d__1=(3, 3))
    (summary,) = table({"quickstart": ORIGINAL, "quickstart_hat_background": background}).summaries
    assert summary.mean["hat_background_ratio"] == pytest.approx(100 * 3 / 4)
    low, high = summary.interval["hat_background_ratio"]
    assert low < 75 < high == 100


def test_a_ratio_to_nothing_is_unknown():
    # The original of c is wrong.
    (summary,) = table({"quickstart": ORIGINAL, "quickstart_hat_human": chosen(c=(2, 2))}).summaries
    assert summary.mean["hat_human"] == 100
    assert summary.mean["hat_human_ratio"] is summary.interval["hat_human_ratio"] is None
    np.testing.assert_array_equal(ratio(np.array([[1, 0.5], [1, 0]]), axis=1), [2, np.nan])


def test_altered_clips_of_other_videos_are_refused():
    with pytest.raises(UserError, match="no altered clip has the id of an original clip"):
        paired_scores.accuracy_of_altered(chosen(z=(0, 0)), ORIGINAL)


def test_a_swap_names_the_human_the_background_or_neither():
    # Human, background, neither, no answer, background; the last is unknown.
    swaps = chosen(a=(0, 0), b__0=(1, 2), b__1=(1, 3), c=(2, -1), d=(3, 1), e=(0, 1))
    scenes = {"a": 1, "b__0": 2, "b__1": 0, "c": 0, "d": 1, "z": 3}
    shown = table(
        {"quickstart_hat_swap": swaps, "quickstart": ORIGINAL}, {"quickstart_hat_swap": scenes}
    )
    (summary,) = shown.summaries

    assert summary.mean["hat_swap"] == pytest.approx(100 / 6)
    assert summary.mean["hat_swap_scene"] == pytest.approx(100 * 2 / 5)
    count = count_clips_over_seeds(shown.suite.row("hat_swap_scene"), summary)
    assert (count.tested, count.left_out) == (5, 1)
    low, high = summary.interval["hat_swap_scene"]
    assert 0 <= low < 40 < high <= 100


def test_a_background_of_the_humans_own_class_is_no_error():
    swaps = chosen(a=(0, 0), b=(1, 2), c=(2, 2), d=(3, 3))
    scenes = {"a": 1, "b": 2, "c": 2, "d": 3}
    shown = table(
        {"quickstart_hat_swap": swaps, "quickstart": ORIGINAL}, {"quickstart_hat_swap": scenes}
    )
    (summary,) = shown.summaries
    assert summary.mean["hat_swap_scene"] == 50
    count = count_clips_over_seeds(shown.suite.row("hat_swap_scene"), summary)
    assert (count.tested, count.left_out) == (2, 2)


def test_without_classes_of_the_backgrounds_only_the_human_is_known():
    shown = table({"quickstart_hat_swap": ORIGINAL, "quickstart": ORIGINAL})
    assert shown.summaries[0].mean["hat_swap"] == 60
    assert shown.summaries[0].mean["hat_swap_scene"] is None


def test_models_are_compared_with_holms_correction_for_each_row():
    ids = [f"v{n}" for n in range(8)]
    right, wrong = [0] * 8, [1] * 8
    runs = []
    for name, pred in (("good", right), ("bad", wrong), ("same", right)):
        afd = Predictions(ids, right, None, pred)
        runs.append(ModelRun(name, 0, None, {"quickstart": afd, "quickstart_afd": afd}))
    runs.append(ModelRun("none", 0, None, {"quickstart": runs[0].predictions["quickstart"]}))
    shown = on_optional_sets(results.summarise(QUICKSTART, runs), {})
    by_pair = {(pair.first, pair.second): pair.rows["afd"] for pair in compare(shown)}

    assert [summary.mean["afd"] for summary in shown.summaries] == [100, 0, 100, None]
    # All of 2^8 relabellings; three pairs are tested.
    assert by_pair["good", "bad"].p_value == 2 / 256
    assert by_pair["good", "bad"].p_adjusted == 3 * 2 / 256
    assert by_pair["bad", "same"].p_adjusted == 3 * 2 / 256
    assert by_pair["good", "same"].p_adjusted == 1
    assert by_pair["good", "none"] is None


def test_results_json_and_markdown_have_the_second_table():
    run = ModelRun("m", 0, None, {"quickstart": ORIGINAL, "quickstart_hat_swap": ORIGINAL})
    other = dataclasses.replace(run, name="n")
    data = ReportData(
        results.summarise(QUICKSTART, [run, other]),
        ("p", "q", "r", "s"),
        annotations={"quickstart_hat_swap": Annotations(scenes={"c": 0})},
    )
    content = outputs.to_json(data)["optional"]

    assert [row["name"] for row in content["rows"]] == ["hat_swap", "hat_swap_scene"]
    assert content["models"][0]["rows"] == {"hat_swap": 60.0, "hat_swap_scene": 100.0}
    assert content["models"][0]["clips"]["hat_swap_scene"] == {"tested": 1, "left_out": 4}
    assert content["comparisons"][0]["rows"]["hat_swap"]["p_adjusted"] == 1
    assert content["comparison_test"].startswith("by a paired permutation test")

    text = outputs.markdown(data)
    assert "| Swap: the background's class ↓ | 100.0 [100.0, 100.0] |" in text
    assert "| 1 of 5 |" in text
    assert "Views of a test video: not known." in text
    assert "| Swap: the human's class ↑ | +0.0 (p = 1.000) |" in text
