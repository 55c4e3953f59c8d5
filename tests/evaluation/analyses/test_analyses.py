import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.analyses import analyse
from albar_jax.evaluation.analyses.figures import figures
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES

QUICKSTART = SUITES["quickstart"]


def analysed(*runs, foregrounds=None):
    return analyse(results.summarise(QUICKSTART, runs), 4, foregrounds)


@pytest.fixture
def run(make_run):
    """Makes a run with probabilities of 0.9; the last moving clip has the class of its still."""

    def make(name="ce", seed=0, iid=(1, 1, 1, 1), **extra):
        return make_run(
            name,
            seed,
            iid=iid,
            scuba=[1, 1, 1, 0],
            scufo=[1, 0, 0, 0],
            conflfg=[1, 1, 0, 0],
            **extra,
        )

    return make


def test_each_figure_is_taken_from_its_own_test_sets(run, answers):
    plain = run()
    with_reversed = ModelRun(
        "ce", 0, None, plain.predictions | {"quickstart_reversed": answers([1, 1, 0, 0])}
    )
    measured = analysed(with_reversed, foregrounds={"clip_2": 3, "clip_3": 1}).models[0].figures

    assert measured["confidence/scufo"] == pytest.approx(90)
    assert 0 < measured["entropy/scufo"] < 100
    # The last moving clip has another prediction than its source video.
    assert measured["consistency/original"] == 75
    assert measured["consistency/always_right"] == 75
    # There is one clip of each video.
    assert measured["consistency/copies"] is None
    assert measured["mistakes/of_the_still"] == 100
    # clip_2 is predicted as 3, clip_3 as 0.
    assert measured["mistakes/of_the_foreground"] == 50
    assert measured["reversed/stay_right"] == measured["reversed/same_answer"] == 50
    assert measured["shuffled/stay_right"] is None


def test_a_figure_has_its_own_key_and_a_meaning_for_every_suite():
    for suite in SUITES.values():
        listed = figures(suite)
        assert len({figure.name for figure in listed}) == len(listed)
        assert all(figure.title and figure.meaning.endswith(".") for figure in listed)
        # Only for stills is a low confidence better.
        certainty = {
            figure.name: figure.goal
            for figure in listed
            if figure.name.startswith(("confidence", "entropy"))
        }
        has_stills = any(row.name == "scufo" for row in suite.rows)
        wanted = {"confidence/scufo": "down", "entropy/scufo": "up"} if has_stills else {}
        assert {name: goal for name, goal in certainty.items() if goal} == wanted


def test_mean_and_sd_over_seeds(run):
    (model,) = analysed(run(seed=0), run(seed=1, iid=(0, 1, 1, 1))).models
    # Only the second seed misclassifies the first original clip: 75 and 50.
    assert model.figures["consistency/original"] == 62.5
    assert model.sd["consistency/original"] == pytest.approx(12.5 * 2**0.5)
    assert set(analysed(run()).models[0].sd.values()) == {None}


def test_without_probabilities_only_confidence_and_entropy_are_unknown(run):
    plain = run()
    chosen = {
        task: Predictions(p.ids, p.labels, None, p.pred) for task, p in plain.predictions.items()
    }
    with_probs, without_probs = (
        analysed(each).models[0].figures for each in (plain, ModelRun("ce", 0, None, chosen))
    )
    certainty = [name for name in with_probs if name.startswith(("confidence", "entropy"))]

    assert len(certainty) == 8
    assert (
        dict.fromkeys(certainty) | {n: f for n, f in with_probs.items() if n not in certainty}
        == without_probs
    )


def test_each_pair_of_models_is_compared_once_on_every_row(run, answers):
    models = [
        run("a"),
        run("b", iid=(0, 0, 0, 0)),
        ModelRun("c", 0, None, {"quickstart": answers([1, 1, 1, 1])}),
    ]
    analysis = analysed(*models)

    assert [(pair.first, pair.second) for pair in analysis.comparisons] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]

    rows = analysis.comparisons[0].rows
    assert list(rows) == [row.name for row in QUICKSTART.rows]
    assert (rows["iid"].value, rows["iid"].p_value) == (1, 2 / 16)
    assert (rows["contrasted"].value, rows["contrasted"].p_value) == (0, 1)
    assert analysis.comparisons[1].rows["scuba"] is None
    assert analysis.comparison("b", "a") is analysis.comparisons[0]
    assert analysis.comparison("b", "c") is analysis.comparisons[2]
