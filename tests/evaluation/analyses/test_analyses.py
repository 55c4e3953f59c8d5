import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.analyses import analyse
from albar_jax.evaluation.analyses.figures import figures
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES

QUICKSTART = SUITES["quickstart"]


def analysed(*runs, foregrounds=None):
    return analyse(QUICKSTART, results.summarise(QUICKSTART, runs), 4, foregrounds)


@pytest.fixture
def run(make_run):
    """Answers have the probability 0.9; of the moving clips the last is wrong, the next class like its still's."""

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
    made = run()
    made = ModelRun(
        "ce", 0, None, made.predictions | {"quickstart_reversed": answers([1, 1, 0, 0])}
    )
    found = analysed(made, foregrounds={"clip_2": 3, "clip_3": 1}).models[0].figures
    assert found["confidence/scufo"] == pytest.approx(90)
    assert 0 < found["entropy/scufo"] < 100
    assert found["consistency/original"] == 75  # the last moving clip is answered otherwise
    assert found["consistency/always_right"] == 75
    assert found["consistency/copies"] is None  # one clip of each video
    assert found["mistakes/of_the_still"] == 100
    assert found["mistakes/of_the_foreground"] == 50  # clip_2 is taken for 3, clip_3 for 0
    assert found["reversed/stay_right"] == found["reversed/same_answer"] == 50
    assert found["shuffled/stay_right"] is None


def test_a_figure_has_a_key_of_its_own_and_its_meaning_for_every_suite():
    for suite in SUITES.values():
        made = figures(suite)
        assert len({figure.name for figure in made}) == len(made)
        assert all(figure.title and figure.meaning.endswith(".") for figure in made)
        # Of a moving clip a model may well be sure; of a still it should not.
        certainty = {
            figure.name: figure.goal
            for figure in made
            if figure.name.startswith(("confidence", "entropy"))
        }
        has_stills = any(row.name == "scufo" for row in suite.rows)
        wanted = {"confidence/scufo": "down", "entropy/scufo": "up"} if has_stills else {}
        assert {name: goal for name, goal in certainty.items() if goal} == wanted


def test_mean_and_sd_over_seeds(run):
    (model,) = analysed(run(seed=0), run(seed=1, iid=(0, 1, 1, 1))).models
    # The first original is answered wrong by the second seed alone: 75 and 50.
    assert model.figures["consistency/original"] == 62.5
    assert model.sd["consistency/original"] == pytest.approx(12.5 * 2**0.5)
    assert set(analysed(run()).models[0].sd.values()) == {None}


def test_without_probabilities_only_certainty_is_unknown(run):
    made = run()
    chosen = {
        task: Predictions(p.ids, p.labels, None, p.pred) for task, p in made.predictions.items()
    }
    known, unknown = (
        analysed(each).models[0].figures for each in (made, ModelRun("ce", 0, None, chosen))
    )
    certainty = [name for name in known if name.startswith(("confidence", "entropy"))]
    assert len(certainty) == 8
    assert (
        dict.fromkeys(certainty) | {n: f for n, f in known.items() if n not in certainty} == unknown
    )


def test_each_two_models_are_compared_once_on_every_row(run, answers):
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
