"""Claim: accuracy by group, worst group, gap and its permutation test, by hand."""

import itertools

import numpy as np
import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.analyses import group_gap
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.bootstrap import unique_columns
from albar_jax.evaluation.group_tables import group_tables
from albar_jax.evaluation.groups import group_figures
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import outputs
from albar_jax.report.report_data import ReportData

# Group a: 3 of 4; b: 1 of 2, with an abstention; c: 1 of 2; without a group: 0 of 1.
PRED = {"a1": 0, "a2": 0, "a3": 0, "a4": 1, "b1": 0, "b2": -1, "c1": 1, "c2": 0, "z": 1}
GROUP_OF = {clip: clip[0] for clip in PRED if clip != "z"}


def predictions(pred):
    return Predictions(tuple(pred), [0] * len(pred), None, list(pred.values()))


def figures(*runs, group_of=GROUP_OF, training=None):
    return group_figures("t", "m", list(map(predictions, runs)), group_of, training or {})


def test_each_group_has_its_accuracy_and_the_first_of_equals_is_the_worst():
    one = figures(PRED)
    assert one.average.mean == pytest.approx(100 * 5 / 9)
    assert {name: figure.mean for name, figure in one.groups.items()} == {"a": 75, "b": 50, "c": 50}
    assert one.clips == {"a": 4, "b": 2, "c": 2}
    assert (one.worst, one.worst_figure.mean, one.gap.mean) == ("b", 50, 25)
    assert one.without_group == 1
    assert one.weighted is one.gap.sd is None

    low, high = one.groups["b"].interval
    assert low == 0 < high == 100
    assert one.gap.interval[0] >= 0


def test_samples_that_lack_small_groups_have_a_worst_group():
    pred = {f"v{number}": number % 2 for number in range(60)}
    many = figures(pred, group_of={clip: clip for clip in pred})
    assert many.worst_figure.interval == (0, 0)
    assert many.gap.interval == (100, 100)
    assert many.p_value == 1


def test_worst_group_and_gap_are_of_each_seed():
    second = PRED | {"a1": 1, "a2": 1, "a3": 1, "b2": 0}
    two = figures(PRED, second)

    assert two.groups["a"].mean == pytest.approx((75 + 0) / 2)
    # 50 and 0; 75 - 50 and 100 - 0.
    assert two.worst_figure.mean == 25
    assert two.gap.mean == (25 + 100) / 2
    assert two.gap.sd == pytest.approx(75 / 2**0.5)
    assert two.worst == "a"


def test_a_clip_that_a_seed_lacks_counts_only_in_the_others():
    second = {clip: pred for clip, pred in PRED.items() if clip not in ("a4", "c1", "c2")}
    two = figures(PRED, second)

    # The second seed has no clip of c.
    assert list(two.groups) == ["a", "b"]
    assert two.clips == {"a": 3, "b": 2}
    assert two.groups["a"].mean == (75 + 100) / 2


def test_the_weighted_average_uses_the_numbers_of_training_clips():
    weighted = figures(PRED, training={"a": 1, "b": 3, "d": 100}).weighted
    assert weighted.mean == pytest.approx((75 + 3 * 50) / 4)
    assert weighted.interval[0] < weighted.mean < weighted.interval[1]
    assert figures(PRED, training={"d": 100}).weighted is None


def test_a_single_group_is_no_division():
    assert figures(PRED, group_of={"a1": "a", "a2": "a"}) is None
    assert figures(PRED, group_of={}) is None


def exact_p(hits, clips, group):
    """Counts all permutations of the groups of the videos."""
    gaps = []
    for permuted in itertools.permutations(group):
        of_runs = []
        for run_hits, run_clips in zip(hits, clips, strict=True):
            shares = []
            for name in set(group):
                chosen = np.array(permuted) == name
                shares.append(run_hits[chosen].sum() / run_clips[chosen].sum())
            of_runs.append(max(shares) - min(shares))
        gaps.append(np.mean(of_runs))

    observed = gaps[0]
    return np.mean(np.array(gaps) >= observed - 1e-9)


@pytest.mark.parametrize(
    ("hits", "clips", "group"),
    [
        # One clip each, two groups.
        ([[1, 1, 1, 0, 1, 0, 0]], [[1] * 7], [0, 0, 0, 0, 1, 1, 1]),
        # Three groups, copies, and two seeds.
        ([[2, 1, 1, 0, 2, 1, 0], [2, 2, 1, 1, 0, 1, 0]], [[2] * 7] * 2, [0, 0, 1, 1, 2, 2, 2]),
        # Ties: no permutation has a smaller gap.
        ([[1] * 6], [[1] * 6], [0, 0, 0, 1, 1, 1]),
    ],
)
@pytest.mark.parametrize("cost", [0, 1000])
def test_the_p_value_is_the_share_of_permutations_with_such_a_gap(
    hits, clips, group, cost, monkeypatch
):
    # Both ways to permute agree with the count of all permutations.
    monkeypatch.setattr(group_gap, "_COST_OF_VIDEO", cost)
    hits, clips, group = np.array(hits), np.array(clips), np.array(group)
    drawn = group_gap.p_value(hits, clips, group)
    assert drawn == pytest.approx(exact_p(hits, clips, group), abs=0.015)


def test_a_small_p_value_is_never_zero():
    hits = np.array([[1] * 20 + [0] * 20])
    assert group_gap.p_value(hits, np.ones_like(hits), np.repeat([0, 1], 20)) == 1 / 10000


def test_the_test_permutes_source_videos_with_all_their_copies():
    # Two videos with ten copies each: exchanging them gives the same gap.
    pred = {f"v{video}__{copy}": video for video in range(2) for copy in range(10)}
    of_video = {clip: clip[:2] for clip in pred}
    assert figures(pred, group_of=of_video).p_value == 1

    # 20 different videos.
    pred = {f"v{video}x{copy}": video for video in range(2) for copy in range(10)}
    of_video = {clip: clip[:2] for clip in pred}
    assert figures(pred, group_of=of_video).p_value < 0.001


def test_a_video_with_clips_of_two_groups_cannot_be_permuted():
    pred = {"v__0": 0, "v__1": 1, "w": 0}
    mixed = figures(pred, group_of={"v__0": "x", "v__1": "y", "w": "x"})
    assert (mixed.gap.mean, mixed.p_value) == (100, None)


def test_unique_columns_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for largest in (2, 5, 1 << 40):
        table = rng.integers(largest, size=(3, 50))
        for ours, theirs in zip(
            unique_columns(table), np.unique(table, axis=1, return_counts=True), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_holm_corrects_all_tests_of_a_table():
    far = {f"{'ab'[n % 2]}{n}": n % 2 for n in range(20)}
    near = dict.fromkeys(far, 0)
    runs = [
        ModelRun("far", 0, None, {"quickstart": predictions(far)}),
        ModelRun(
            "near", 0, None, {"quickstart": predictions(near), "quickstart_afd": predictions(near)}
        ),
    ]
    own = Annotations(groups={"side": {clip: clip[0] for clip in far}})
    summarised = results.summarise(SUITES["quickstart"], runs)
    (table,) = group_tables(summarised, {"quickstart": own, "quickstart_afd": own})

    assert [(line.task, line.model) for line in table.lines] == [
        ("quickstart", "far"),
        ("quickstart", "near"),
        ("quickstart_afd", "near"),
    ]
    assert [line.p_adjusted for line in table.lines] == [3 * table.lines[0].p_value, 1, 1]
    assert table.lines[0].p_value < 0.01


def test_altered_clips_have_the_group_of_their_original():
    original = predictions({"v": 0, "w": 1})
    copies = predictions({"v__0": 0, "v__1": 1, "w__0": 1, "w__1": 1, "x__0": 0})
    own = predictions({"v": 0, "w": 1})
    tasks = {"quickstart": original, "quickstart_scuba": copies, "quickstart_afd": own}
    summarised = results.summarise(SUITES["quickstart"], [ModelRun("m", 0, None, tasks)])
    annotations = {
        "quickstart": Annotations(groups={"g": {"v": "a", "w": "b"}}, training={"g": {"a": 1}}),
        # Its own groups come first.
        "quickstart_afd": Annotations(groups={"g": {"v": "c"}}),
    }
    (table,) = group_tables(summarised, annotations)
    of_task = {line.task: line for line in table.lines}

    assert list(of_task) == ["quickstart", "quickstart_scuba", "quickstart_afd"]
    scuba = of_task["quickstart_scuba"]
    assert {name: figure.mean for name, figure in scuba.groups.items()} == {"a": 50, "b": 0}
    assert (scuba.without_group, scuba.weighted.mean) == (1, 50)
    assert {*of_task["quickstart_afd"].groups} == {"b", "c"}


def test_waterbirds_groups_are_a_case_of_it_with_the_same_figures():
    suite = SUITES["waterbirds"]
    rng = np.random.default_rng(0)
    tasks, pred = {}, {}
    for task in list(suite.tasks)[1:]:
        of_group = {f"{task}/{n}": int(rng.random() < 0.3) for n in range(20 + 5 * len(tasks))}
        tasks[task] = predictions(of_group)
        pred |= of_group
    summarised = results.summarise(
        suite, [ModelRun("m", 0, None, tasks | {"waterbirds": predictions(pred)})]
    )
    (table,) = group_tables(summarised, {})
    (line,) = table.lines
    mean, interval = summarised.summaries[0].mean, summarised.summaries[0].interval

    assert table.name == "bird and scenery"
    shown = {
        "iid": line.average,
        "weighted": line.weighted,
        "worst_group": line.worst_figure,
        **line.groups,
    }
    assert shown.keys() == mean.keys()
    for name, figure in shown.items():
        assert figure.mean == pytest.approx(mean[name])
    # The same draws of pictures.
    for name in ("iid", "worst_group"):
        assert shown[name].interval == pytest.approx(interval[name], abs=4)
    assert 0 < line.p_value <= 1


def test_results_json_and_markdown_have_the_groups():
    run = ModelRun("m", 0, None, {"quickstart": predictions(PRED)})
    data = ReportData(
        results.summarise(SUITES["quickstart"], [run]),
        ("p", "q"),
        annotations={"quickstart": Annotations(groups={"g": GROUP_OF}, training={"g": {"a": 2}})},
    )
    (content,) = outputs.to_json(data)["groups"]

    assert content["name"] == "g"
    (test,) = content["tests"]
    assert (test["worst"], test["without_group"], test["weighted"]["mean"]) == ("b", 1, 75)
    assert [group["group"] for group in test["groups"]] == ["a", "b", "c"]
    assert test["p_value"] == test["p_adjusted"] > 0.5

    text = outputs.markdown(data)
    assert "quickstart: 1 clips have no group and count only in the average." in text
    assert "| a | 4 | 75.0 [" in text
    assert "] b | 25.0 [" in text
    assert "Views of a test video: not known." in text
