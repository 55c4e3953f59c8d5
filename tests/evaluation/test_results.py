import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import results
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES

QUICKSTART = SUITES["quickstart"]


@pytest.fixture
def cheat(make_run):
    """Makes a run with the (moving, still) pairs (1,1) (1,1) (1,0) (0,0), 1 for correct."""

    def make(seed=0, iid=(1, 1, 1, 1), **more):
        right = {"iid": iid, "scuba": [1, 1, 1, 0], "scufo": [1, 1, 0, 0], "conflfg": [1, 0, 0, 0]}
        return make_run("ce", seed, **right, **more)

    return make


def test_rows_are_percentages_worked_out_by_hand(cheat):
    assert results.row_figures(QUICKSTART, cheat().predictions) == {
        "iid": 100.0,
        "scuba": 75.0,
        "scufo": 50.0,
        "conflfg": 25.0,
        "contrasted": 25.0,
    }


def test_backgrounds_are_averaged_with_equal_weight(answers):
    predictions = {
        "hmdb51_scuba_places365": answers([1, 1, 1, 1]),
        "hmdb51_scuba_vqgan": answers([1, 0]),
        "hmdb51_scuba_stripe": answers([0]),
        "hmdb51_scufo_places365": answers([1, 1, 1, 0]),  # contrasted 1/4
        "hmdb51_scufo_vqgan": answers([0, 0]),  # contrasted 1/2
        "hmdb51_scufo_stripe": answers([0]),  # contrasted 0
    }
    rows = results.row_figures(SUITES["hmdb51"], predictions)

    assert rows["scuba"] == pytest.approx(100 * (1 + 1 / 2 + 0) / 3)
    assert rows["scufo"] == pytest.approx(100 * (3 / 4 + 0 + 0) / 3)
    assert rows["contrasted"] == pytest.approx(100 * (1 / 4 + 1 / 2 + 0) / 3)
    assert rows["iid"] is None
    assert rows["conflfg"] is None


def test_mean_and_sd_over_seeds(cheat):
    runs = [cheat(2, [1, 1, 0, 0]), cheat(0), cheat(1, [1, 1, 1, 0])]
    (summary,) = results.summarise(QUICKSTART, runs).summaries

    assert summary.seeds == (0, 1, 2)
    assert [rows["iid"] for rows in summary.per_seed] == [100.0, 75.0, 50.0]
    assert summary.mean["iid"] == 75.0
    assert summary.sd["iid"] == pytest.approx(25.0)  # sqrt((25^2 + 0 + 25^2) / 2)
    assert summary.sd["scuba"] == 0.0


def test_a_single_seed_has_no_sd_but_an_interval_around_the_figure(cheat):
    (summary,) = results.summarise(QUICKSTART, [cheat()]).summaries
    assert set(summary.sd.values()) == {None}
    assert summary.interval["iid"] == (100.0, 100.0)
    for name, (low, high) in summary.interval.items():
        assert 0 <= low <= summary.mean[name] <= high <= 100
    assert summary.interval["scuba"][0] < 75 < summary.interval["scuba"][1]


def test_models_keep_the_order_in_which_they_came(make_run):
    runs = [
        make_run(name, 0, iid=[1], scuba=[1], scufo=[0], conflfg=[1])
        for name in ("zebra", "albar", "ce")
    ]
    assert [summary.name for summary in results.summarise(QUICKSTART, runs).summaries] == [
        "zebra",
        "albar",
        "ce",
    ]


def test_a_row_that_one_seed_lacks_is_absent_for_the_model(answers, cheat):
    lacking = ModelRun("ce", 1, None, {"quickstart": answers([1, 0])})
    (summary,) = results.summarise(QUICKSTART, [cheat(), lacking]).summaries

    assert summary.mean["iid"] == 75.0
    assert summary.mean["scuba"] is None
    assert summary.sd["scuba"] is None
    assert summary.interval["scuba"] is None


def test_cost_is_the_mean_and_unknown_when_one_run_does_not_know_it(cheat):
    runs = [cheat(0, cost_plain_steps=400), cheat(1, cost_plain_steps=500)]
    assert results.summarise(QUICKSTART, runs).summaries[0].cost_plain_steps == 450
    assert results.summarise(QUICKSTART, [*runs, cheat(2)]).summaries[0].cost_plain_steps is None


def test_unpaired_clips_are_named_for_each_row_that_joins(answers, cheat):
    predictions = {"quickstart_scuba": answers([1, 1, 1]), "quickstart_scufo": answers([0, 1])}
    assert results.unpaired_clips(QUICKSTART, predictions) == {"contrasted": ("clip_2",)}
    assert results.unpaired_clips(QUICKSTART, cheat().predictions) == {}


def test_two_runs_of_one_name_and_seed_are_refused(cheat):
    with pytest.raises(UserError, match="two runs are named 'ce' and have seed 3"):
        results.summarise(QUICKSTART, [cheat(3), cheat(3)])


def test_runs_of_another_suite_and_no_runs_are_refused(cheat):
    with pytest.raises(
        UserError, match="'ce' .* no predictions for the suite 'hmdb51'.*hmdb51_scuba_vqgan"
    ):
        results.summarise(SUITES["hmdb51"], [cheat()])
    with pytest.raises(UserError, match="no model"):
        results.summarise(QUICKSTART, [])
