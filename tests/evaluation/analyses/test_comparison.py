import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats

from albar_jax.evaluation.analyses import seed_spread
from albar_jax.evaluation.analyses.comparison import compare_all, holm
from albar_jax.evaluation.metrics import Outcomes
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES

VIDEOS = 320
IDS = tuple(f"clip{i}" for i in range(VIDEOS))


def draw_models(rng, accuracies):
    """Draws outcomes on 320 videos for each accuracy of the array (models, seeds).

    Some videos are harder for all models.
    """
    video, recipe = (
        rng.standard_normal(VIDEOS),
        0.5 * rng.standard_normal((len(accuracies), 1, VIDEOS)),
    )
    skill = video + recipe + rng.standard_normal((*accuracies.shape, VIDEOS))
    right = skill < 1.5 * scipy.special.ndtri(accuracies)[..., None]

    return [[[Outcomes(IDS, run) for run in runs]] for runs in right]


def share_of_claims(*, models, seeds, sd, effect=0.0, tables, number):
    """Returns how often the largest difference is clear if one model is better by `effect`."""
    rng, claims = np.random.default_rng(number), 0
    for _ in range(tables):
        accuracies = 0.5 + sd * rng.standard_normal((models, seeds))
        accuracies[0] += effect
        pairs = compare_all(draw_models(rng, np.clip(accuracies, 0.02, 0.98)), draws=1999)
        largest = max(pairs, key=lambda pair: abs(pair.value))
        claims += largest.p_adjusted < 0.05

    return claims / tables


@pytest.mark.parametrize(
    ("models", "seeds", "sd"),
    [
        *((models, 1, 0.0) for models in (2, 4, 10)),
        *((models, seeds, 0.05) for models in (2, 4, 10) for seeds in (2, 3)),
        *((models, 3, 0.0) for models in (2, 10)),
    ],
)
def test_equal_models_are_called_different_in_at_most_6_percent_of_tables(models, seeds, sd):
    tables = 400 if models == 2 else 150 if models == 4 else 70
    assert (
        share_of_claims(models=models, seeds=seeds, sd=sd, tables=tables, number=models + seeds)
        <= 0.06
    )


@pytest.mark.parametrize(
    ("models", "seeds", "sd"), [(2, 1, 0.0), (10, 1, 0.0), (2, 3, 0.02), (10, 3, 0.02)]
)
def test_a_model_that_is_better_by_15_points_is_found(models, seeds, sd):
    share = share_of_claims(
        models=models, seeds=seeds, sd=sd, effect=0.15, tables=20, number=models
    )
    assert share >= 0.9


def test_two_runs_that_differ_only_by_their_seed_are_clearly_different_only_without_a_spread():
    """With one run each, the models differ. A third run shows that the spread is as large."""
    rng = np.random.default_rng(0)
    low, high = ([[Outcomes(IDS, rng.random(VIDEOS) < accuracy)]] for accuracy in (0.4, 0.55))
    (alone,) = compare_all([low, high])

    assert alone.p_adjusted < 0.01
    assert not alone.seeds_count

    third = Outcomes(IDS, rng.random(VIDEOS) < 0.45)
    (spread,) = compare_all([[[*low[0], third]], high])

    assert spread.seeds_count
    assert spread.p_adjusted > 0.1


def test_with_seeds_alone_the_p_value_is_that_of_the_t_test():
    first, second = (
        seed_spread.SeedFigures(np.array(figures), 0.0)
        for figures in ([0.5, 0.6, 0.7], [0.2, 0.3, 0.4])
    )
    p_value = seed_spread.p_value(0.3, 0.0, (first, second), [first, second])

    assert p_value == pytest.approx(
        scipy.stats.ttest_ind([0.5, 0.6, 0.7], [0.2, 0.3, 0.4]).pvalue, rel=1e-6
    )


def test_with_videos_alone_the_p_value_is_normal():
    same = seed_spread.SeedFigures(np.array([0.5, 0.5]), 0.0)
    p_value = seed_spread.p_value(0.1, 0.05**2, (same, same), [same, same])
    assert p_value == pytest.approx(2 * scipy.stats.norm.sf(2), rel=1e-6)


def test_the_variance_over_videos_is_not_counted_twice():
    """If seeds change only noise, the variance over runs is the noise."""
    rng = np.random.default_rng(0)
    runs = [Outcomes(IDS, rng.random(VIDEOS) < 0.5) for _ in range(200)]
    figures = seed_spread.seed_figures([runs])

    assert figures.noise == pytest.approx(0.25 / VIDEOS, rel=0.05)
    assert figures.variance == pytest.approx(0.25 / VIDEOS, rel=0.25)


def test_a_model_that_varies_more_than_the_others_keeps_its_own_spread():
    calm = seed_spread.SeedFigures(np.array([0.5, 0.5, 0.5]), 0.0)
    wild = seed_spread.SeedFigures(np.array([0.3, 0.5, 0.7]), 0.0)
    pair_with, pair_without = (
        seed_spread.p_value(0.2, 0.0, pair, [calm, wild]) for pair in ((calm, wild), (calm, calm))
    )

    assert pair_with > pair_without


def test_holm_by_hand():
    # 0.01 x 3, 0.02 x 2, 0.5 x 1. Then 0.04 is raised to the previous 0.045.
    assert holm([0.5, 0.01, 0.02]).tolist() == pytest.approx([0.5, 0.03, 0.04])
    assert holm([0.04, 0.015, 0.022]).tolist() == pytest.approx([0.045, 0.045, 0.045])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_every_pair_is_compared_and_missing_models_are_left_out():
    rng = np.random.default_rng(0)
    models = [[[Outcomes(IDS, rng.random(VIDEOS) < accuracy)]] for accuracy in (0.2, 0.5, 0.8)]
    pairs = compare_all([models[0], None, models[1], models[2]])
    places = list(itertools.combinations(range(4), 2))

    assert [pair is None for pair in pairs] == [1 in place for place in places]

    tested = [pair for pair in pairs if pair is not None]
    assert [pair.p_adjusted for pair in tested] == holm([pair.p_value for pair in tested]).tolist()


def test_the_marks_of_the_page_use_the_corrected_p(answers):
    """36 of 60 against 30 has p = 0.031 alone, and at least 0.0625 as one of three pairs."""
    from albar_jax.evaluation import results
    from albar_jax.evaluation.analyses import analyse
    from albar_jax.report import page_tables

    right = {"a": [1] * 36 + [0] * 24, "b": [1] * 30 + [0] * 30, "c": [1] * 36 + [0] * 24}
    suite = SUITES["quickstart"]
    runs = [
        ModelRun(name, 0, None, {"quickstart": answers(values)}) for name, values in right.items()
    ]

    for models, is_marked in ((runs[:2], True), (runs, False)):
        summarised = results.summarise(suite, models)
        marks = page_tables.marks(summarised, analyse(summarised, 4))
        assert marks[1]["iid"] is is_marked
