"""Claim: paired differences have intervals over seeds and, within a seed, over videos."""

import numpy as np
import pytest
import scipy.stats

from albar_jax.evaluation import paired_differences, results
from albar_jax.evaluation.metrics import Outcomes
from albar_jax.evaluation.paired_differences import interval, sample_means
from albar_jax.evaluation.rank_correlation import spearman, with_published
from albar_jax.evaluation.suites import SUITES, Published

IDS = tuple(f"test_{number:05d}" for number in range(200))


def outcomes(values):
    return (Outcomes(IDS[: len(values)], np.asarray(values, bool)),)


def pair(first, second):
    return outcomes(first), outcomes(second)


def shares(first, second, count=200):
    """A pair of models with these shares of hits on the same videos, independent of each other."""
    generator = np.random.default_rng(0)
    return pair(generator.random(count) < first, generator.random(count) < second)


def paired_interval(pairs, video_sets, **more):
    samples = sample_means(pairs, list(video_sets), **more)
    return interval(samples[:, 0] - samples[:, 1], len(pairs))


def test_what_is_hard_for_both_models_cancels():
    """The second model is right wherever the first is, and on every tenth video besides."""
    first = np.arange(200) % 2 == 0
    second = first | (np.arange(200) % 10 == 1)
    low, high = paired_interval([pair(second, first)], ["w"])

    assert 0 < low < 0.1 < high
    # Independent samples of both would give an interval of ± 10 points.
    assert high - low < 0.1


def test_an_interval_covers_the_videos_of_one_seed_as_a_binomial_does():
    """With one seed the difference to a model without hits is a share of N videos."""
    low, high = paired_interval([pair(np.arange(200) < 100, np.zeros(200))], ["w"])
    expected = scipy.stats.norm.interval(0.95, 0.5, np.sqrt(0.25 / 200))
    assert (low, high) == pytest.approx(expected, abs=0.01)


def test_an_interval_covers_the_seeds_as_students_does():
    """With certain figures, only the seeds are drawn: the interval has Student's length."""
    figures = np.array([0.20, 0.35, 0.30, 0.40, 0.25])
    pairs = []
    for figure in figures:
        # So many videos that they add nothing.
        ids = tuple(map(str, range(20_000)))
        right = np.arange(20_000) < 20_000 * figure
        pairs.append(((Outcomes(ids, right),), (Outcomes(ids, np.zeros(20_000, bool)),)))
    low, high = paired_interval(pairs, range(5))

    student = scipy.stats.t.interval(0.95, 4, figures.mean(), scipy.stats.sem(figures))
    plain = np.quantile(
        figures[np.random.default_rng(0).integers(5, size=(9999, 5))].mean(1), 0.975
    )
    assert high > plain + 0.01
    assert (low, high) == pytest.approx(student, abs=0.02)


def test_both_levels_are_drawn():
    """Each level alone gives a shorter interval."""
    seeds = [shares(0.5 + step, 0.3) for step in (-0.1, -0.05, 0.0, 0.05, 0.1)]
    figures = [one[0].values.mean() - other[0].values.mean() for one, other in seeds]
    tail = paired_differences._tail(5)
    drawn = np.random.default_rng(1).integers(5, size=(10_000, 5))
    over_seeds = np.diff(np.quantile(np.array(figures)[drawn].mean(1), [tail, 1 - tail]))
    same = [shares(0.5, 0.3)] * 5
    over_videos = np.diff(paired_interval(same, range(5)))

    both = np.diff(paired_interval(seeds, range(5)))
    assert both > over_seeds + 0.01
    assert both > over_videos + 0.01


def test_seeds_with_their_own_videos_vary_less_together_than_seeds_that_share_them():
    """A video that all seeds share is drawn for all of them at once, so nothing averages out."""
    same = [shares(0.5, 0.3)] * 5
    own = np.diff(paired_interval(same, range(5)))
    shared = np.diff(paired_interval(same, ["w"] * 5))
    assert shared == pytest.approx(own * np.sqrt(5), rel=0.1)


def test_seeds_of_two_sets_of_videos_are_drawn_together():
    values = [shares(0.5 + step, 0.3) for step in (-0.1, 0.0, 0.1)]
    low, high = paired_interval(values, ["a", "b", "a"])
    assert (
        low < np.mean([one[0].values.mean() - two[0].values.mean() for one, two in values]) < high
    )


def test_the_interval_covers_the_true_difference():
    """True difference 0.1; seeds differ by 0.05; at least 93 of 100 intervals contain it."""
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(60):
        pairs = []
        for _ in range(5):
            gain = 0.1 + generator.normal(0, 0.05)
            pairs.append(pair(generator.random(200) < 0.4 + gain, generator.random(200) < 0.4))
        low, high = paired_interval(pairs, range(5), replicates=2000)
        hits += low <= 0.1 <= high
    assert hits >= 56


@pytest.fixture
def compared(make_run):
    def make(video_set_of):
        runs = []
        for seed, good in ((10, [1, 1, 1, 1]), (11, [1, 1, 1, 0])):
            others = {"scuba": [1, 1, 0, 0], "scufo": [1, 0, 0, 0], "conflfg": [0, 0, 0, 0]}
            runs.append(make_run("ce", seed, iid=[1, 0, 0, 0], **others))
            runs.append(make_run("albar", seed, iid=good, **others))
        runs.append(make_run("albar", 12, iid=[0, 0, 0, 0], **others))
        runs.append(make_run("ce", 9, iid=[1, 1, 1, 1], **others))
        return paired_differences.all_differences(
            results.summarise(SUITES["quickstart"], runs), video_set_of
        )

    return make


def test_a_difference_is_of_the_common_seeds_in_points(compared):
    found = {one.row: one for one in compared({9: "d", 10: "a", 11: "b", 12: "c"})}
    iid = found["iid"]
    assert (iid.first, iid.second, iid.seeds) == ("ce", "albar", (10, 11))
    assert iid.value == pytest.approx(-62.5)  # -75 and -50
    assert iid.interval[0] <= -62.5 <= iid.interval[1]
    assert found["contrasted"].value == 0
    reversed_iid = iid.reversed()
    assert (reversed_iid.first, reversed_iid.value) == ("albar", pytest.approx(62.5))
    assert reversed_iid.interval == (-iid.interval[1], -iid.interval[0])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8),
        ([1, 1, 2], [1, 2, 3], np.sqrt(3) / 2),
        ([1, 2], [1, 2], None),
        ([1, 1, 1], [1, 2, 3], None),
    ],
)
def test_rank_correlation_by_hand(first, second, expected):
    assert spearman(first, second) == (None if expected is None else pytest.approx(expected))


def test_rank_correlation_with_ties_is_scipys():
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = generator.integers(5, size=(2, 9))
        expected = scipy.stats.spearmanr(first, second).statistic
        assert spearman(first.tolist(), second.tolist()) == pytest.approx(expected)


def test_rank_correlation_is_of_the_common_models_by_column():
    paper = {"a": (1.0, 9.0), "b": (2.0, 8.0), "c": (3.0, 7.0), "d": (4.0, 1.0)}
    ours = {
        "a": {"iid": 10.0, "scuba": 5.0},
        "b": {"iid": 20.0, "scuba": 6.0},
        "c": {"iid": 30.0, "scuba": None},
        "e": {"iid": 0.0, "scuba": 0.0},
    }
    found = with_published(ours, Published("Table 0", ("iid", "scuba"), paper))
    assert found == {"iid": pytest.approx(1.0), "scuba": None}
