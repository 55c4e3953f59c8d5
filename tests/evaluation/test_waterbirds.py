"""Claim: figure, interval, class figures and headline use the worst group of a model."""

import numpy as np
import pytest

from albar_jax.evaluation import bootstrap, results
from albar_jax.evaluation.analyses import analyse
from albar_jax.evaluation.metrics import Outcomes
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import tables
from albar_jax.report.headline import headline

SUITE = SUITES["waterbirds"]
GROUPS = ("waterbird_on_water", "waterbird_on_land", "landbird_on_land", "landbird_on_water")
CLIPS = 20


def predictions(group, hits):
    """Returns predictions for a group of 20 pictures; the first `hits` are correct."""
    label = int(group.startswith("waterbird"))
    pred = np.where(np.arange(CLIPS) < hits, label, 1 - label)
    return Predictions(
        tuple(f"{group}/{i}" for i in range(CLIPS)), np.full(CLIPS, label), np.eye(2)[pred]
    )


def run(name, *hits, seed=0):
    groups = {
        f"waterbirds_{group}": predictions(group, n) for group, n in zip(GROUPS, hits, strict=True)
    }
    every = list(groups.values())
    average = Predictions(
        sum((group.ids for group in every), ()),
        np.concatenate([group.labels for group in every]),
        np.concatenate([group.probs for group in every]),
    )

    return ModelRun(name, seed, None, groups | {"waterbirds": average})


def test_rows_are_the_columns_of_table_9_with_averages_and_worst_group():
    assert [row.name for row in SUITE.rows] == ["iid", "weighted", *GROUPS, "worst_group"]
    assert SUITE.tasks == {"waterbirds": "manifest.csv"} | {
        f"waterbirds_{g}": f"waterbirds_{g}.csv" for g in GROUPS
    }
    assert SUITES["waterbirds_stand_in"].tasks == SUITE.tasks
    assert SUITES["waterbirds_stand_in"].published is None


def test_the_worst_group_is_the_smallest_share_of_each_seed_averaged_over_seeds():
    runs = [run("ce", 18, 10, 20, 16), run("ce", 18, 14, 20, 12, seed=1)]
    (summary,) = results.summarise(SUITE, runs).summaries

    assert [rows["worst_group"] for rows in summary.per_seed] == [50.0, 60.0]
    assert summary.mean["worst_group"] == 55.0
    assert summary.mean["iid"] == 80.0
    assert summary.mean["waterbird_on_land"] == 60.0


def test_with_a_missing_group_there_is_no_worst_group():
    lacking = run("ce", 18, 10, 20, 16)
    three_groups = {
        task: of_task
        for task, of_task in lacking.predictions.items()
        if task != "waterbirds_landbird_on_land"
    }
    figures = results.row_figures(SUITE, three_groups)

    assert figures["worst_group"] is figures["landbird_on_land"] is None
    assert figures["waterbird_on_land"] == 50.0


def test_the_interval_of_the_smallest_share_takes_the_smallest_in_each_draw():
    rng = np.random.default_rng(0)
    values = [rng.random(n) < p for n, p in ((40, 0.5), (30, 0.55), (60, 0.9))]
    # No two sets share a picture.
    sets = [
        [Outcomes(tuple(f"{s}/{i}" for i in range(len(hits))), hits)]
        for s, hits in enumerate(values)
    ]
    ends = bootstrap.interval(sets, reduce=np.min, replicates=20000)
    # The same for single pictures: draw 130 of 130, and take the smallest of the three shares.
    owner, hit = np.repeat(np.arange(3), [40, 30, 60]), np.concatenate(values)
    draws = rng.integers(130, size=(20000, 130))
    shares = [
        np.sum(hit[draws] & (owner[draws] == s), axis=1) / np.sum(owner[draws] == s, axis=1)
        for s in range(3)
    ]

    np.testing.assert_allclose(ends, np.quantile(np.min(shares, axis=0), [0.025, 0.975]), atol=0.01)
    # The interval is far below the interval of the mean.
    assert ends[1] < bootstrap.interval(sets, replicates=2000)[0] + 0.1


def test_the_interval_of_several_seeds_is_about_the_mean_of_their_worst_groups():
    runs = [run("ce", 19, 4, 19, 19), run("ce", 19, 19, 19, 4, seed=1)]
    (summary,) = results.summarise(SUITE, runs).summaries
    low, high = summary.interval["worst_group"]

    assert low <= summary.mean["worst_group"] == 20.0 <= high
    # Over both seeds together, no group is below 57.
    assert high < 50


def test_classes_have_their_own_worst_group_and_worst_groups_are_not_compared():
    # The runs are summarised one by one.
    first = results.summarise(SUITE, [run("ce", 18, 10, 20, 16)])
    second = results.summarise(SUITE, [run("x", 1, 2, 3, 4)])
    both = results.Results(SUITE, (*first.summaries, *second.summaries))
    analysis = analyse(both, num_classes=2)
    landbird, waterbird = analysis.models[0].classes.rows["worst_group"]

    assert (landbird, waterbird) == (80.0, 50.0)
    assert analysis.comparisons[0].rows["worst_group"] is None
    assert analysis.comparisons[0].rows["iid"].value == pytest.approx((64 - 10) / 80)


def test_the_headline_has_the_worst_groups_and_the_table_names_the_papers_network():
    models = results.summarise(SUITE, [run("ce", 18, 10, 20, 16), run("albar", 18, 14, 20, 16)])
    sentence = headline(models, analyse(models, num_classes=2))

    assert sentence.replace("\u00a0", " ") == (
        "Accuracy on the worst group of Waterbirds: ce 50 % (80 % on average); albar 70 % (85 % on "
        "average)."
    )

    text = tables.markdown(models)
    assert "Table 9 of ALBAR (ICLR 2025), ResNet-18" in text
    assert "| albar (paper) | 3 | – | – | 92.99 | 59.50 | 98.67 | 78.00 | 59.50† |" in text


def test_the_weighted_average_weights_groups_by_their_size_in_training():
    """group_DRO has 4,795 training pictures: 1,057, 56, 3,498 and 184 in the four groups."""
    figures = results.row_figures(SUITE, run("ce", 18, 10, 20, 16).predictions)
    counts = np.array([1057, 56, 3498, 184])

    assert counts.sum() == 4795
    assert figures["weighted"] == pytest.approx(100 * (counts * [0.9, 0.5, 1.0, 0.8]).sum() / 4795)
    assert figures["iid"] == 80.0

    stand_in = results.row_figures(
        SUITES["waterbirds_stand_in"], run("ce", 18, 10, 20, 16).predictions
    )
    assert stand_in["weighted"] == pytest.approx(
        100 * (0.95 * 0.9 + 0.05 * 0.5 + 0.95 * 1.0 + 0.05 * 0.8) / 2
    )


def test_the_weighted_average_has_an_interval_and_class_figures():
    summarised = results.summarise(SUITE, [run("ce", 18, 10, 20, 16)])
    (summary,) = summarised.summaries
    low, high = summary.interval["weighted"]

    assert low < summary.mean["weighted"] < high <= 100
    # All pictures of the group of 3,498 are correct, so the interval is narrow.
    assert high - low < 15

    analysis = analyse(summarised, num_classes=2)
    landbird, waterbird = analysis.models[0].classes.rows["weighted"]

    assert landbird == pytest.approx(100 * (3498 * 1.0 + 184 * 0.8) / (3498 + 184))
    assert waterbird == pytest.approx(100 * (1057 * 0.9 + 56 * 0.5) / (1057 + 56))
    assert f"{summary.mean['weighted']:.1f}" in tables.markdown(summarised)
