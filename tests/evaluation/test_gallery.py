import dataclasses

import numpy as np
import pytest

from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import gallery

QUICKSTART = SUITES["quickstart"]


@pytest.fixture
def two_models(make_run):
    """Clips 0-3: only `good` needs the motion. Clips 4-7: only `odd` does. Clips 8-19: both read the still."""
    ones = [1] * 20
    good = make_run("good", 0, iid=ones, scuba=ones, scufo=[0] * 4 + [1] * 16, conflfg=ones)
    odd = make_run("odd", 0, iid=ones, scuba=ones, scufo=[1] * 4 + [0] * 3 + [1] * 13, conflfg=ones)
    return [good, odd]


def test_disagreements_failures_and_typical_clips_are_shown_each_once(two_models):
    examples = gallery.choose(
        QUICKSTART, two_models, best="good", short_cuts=0, disagreeing=3, typical=1
    )
    assert [example.reason for example in examples] == [
        *["The models disagree most"] * 3,
        "good, the highest in contrasted accuracy, fails",
        "Typical: 65\u00a0% of the clips were answered in this way",  # 13 of 20
    ]
    assert len({example.id for example in examples}) == 5


def test_no_clip_is_shown_twice_even_when_every_class_was_shown(two_models):
    examples = gallery.choose(QUICKSTART, two_models, short_cuts=0, disagreeing=9, typical=0)
    disagreeing = [
        example.id for example in examples if example.reason == "The models disagree most"
    ]
    assert sorted(disagreeing) == [f"clip_{i}" for i in range(7)]  # all there are


def test_an_example_fits_its_reason(two_models):
    examples = gallery.choose(
        QUICKSTART, two_models, best="good", short_cuts=0, disagreeing=3, typical=3
    )
    verdicts = [tuple(answer.verdict for answer in example.answers) for example in examples]
    needs, enough = "needs the motion", "a still was enough"
    assert all(set(pair) == {needs, enough} for pair in verdicts[:3])
    assert verdicts[3][0] == enough
    assert [example.reason.split("\u00a0")[0] for example in examples[4:]] == [
        "Typical: 65",
        "Typical: 20",
        "Typical: 15",
    ]
    assert verdicts[4:] == [(enough, enough), (needs, enough), (enough, needs)]


def test_short_cuts_come_first_from_the_stills_that_a_model_is_surest_of(make_run):
    ones = [1] * 24
    run = make_run("ce", 0, iid=ones, scuba=ones, scufo=[1] * 20 + [0] * 4, conflfg=ones)
    still = run.predictions["quickstart_scufo"]
    sure = still.probs.copy()
    # Of the stills 0-19, which are right, 8-17 are surest; 20-23 are surer yet, but wrong.
    sure[8:18] = 0.97 * np.eye(4)[still.pred[8:18]] + 0.0075
    sure[20:] = 0.99 * np.eye(4)[still.pred[20:]] + 0.0025
    run = dataclasses.replace(
        run,
        predictions=run.predictions
        | {"quickstart_scufo": Predictions(still.ids, still.labels, sure)},
    )
    examples = gallery.choose(QUICKSTART, [run], short_cuts=12, disagreeing=0, typical=0)
    assert sorted(example.id for example in examples) == sorted(f"clip_{i}" for i in range(8, 18))
    assert {example.reason for example in examples} == {"A short cut of ce, which names the still"}
    assert [example.label for example in examples][:4] != [examples[0].label] * 4
    assert all(example.answers[0].static_sure == pytest.approx(0.9775) for example in examples)
    assert examples[0].answers[0].moving_sure == pytest.approx(0.9)


def test_without_probabilities_short_cuts_are_still_found(make_run):
    run = make_run("ce", 0, iid=[1] * 3, scuba=[1] * 3, scufo=[0, 1, 1], conflfg=[1] * 3)
    chosen = {
        task: Predictions(p.ids, p.labels, None, p.pred) for task, p in run.predictions.items()
    }
    run = dataclasses.replace(run, predictions=chosen)
    examples = gallery.choose(QUICKSTART, [run], disagreeing=0, typical=0)
    assert [example.id for example in examples] == ["clip_1", "clip_2"]
    assert examples[0].answers[0].static_sure is None


def test_classes_not_yet_shown_come_first(make_run):
    # The models disagree on clips 0, 4, 8 (class 0) and 9 (class 1); on clip 1 both need the motion.
    ones, both = [1] * 10, [1, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    split = [0, 0, 1, 1, 0, 1, 1, 1, 0, 0]
    runs = [
        make_run(name, 0, iid=ones, scuba=ones, scufo=s, conflfg=ones)
        for name, s in (("a", split), ("b", both))
    ]
    examples = gallery.choose(QUICKSTART, runs, short_cuts=0, disagreeing=3, typical=0)
    assert [example.id for example in examples][:3] == ["clip_0", "clip_9", "clip_4"]


def test_the_choice_does_not_depend_on_the_order_of_the_clips(two_models):
    def reverse(predictions):
        return Predictions(predictions.ids[::-1], predictions.labels[::-1], predictions.probs[::-1])

    turned = [
        dataclasses.replace(
            run, predictions={task: reverse(p) for task, p in run.predictions.items()}
        )
        for run in two_models
    ]
    assert gallery.choose(QUICKSTART, turned) == gallery.choose(QUICKSTART, two_models)


def test_answers_belong_to_the_clip_when_the_still_set_is_in_another_order(make_run):
    run = make_run("ce", 0, iid=[1], scuba=[1, 0, 1, 0], scufo=[0, 1, 1, 0], conflfg=[1])
    still = run.predictions["quickstart_scufo"]
    order = np.array([2, 0, 3, 1])
    shuffled = Predictions(
        tuple(still.ids[i] for i in order), still.labels[order], still.probs[order]
    )
    run = dataclasses.replace(run, predictions=run.predictions | {"quickstart_scufo": shuffled})
    examples = {
        example.id: example.answers[0] for example in gallery.choose(QUICKSTART, [run], typical=4)
    }
    assert {clip: answer.verdict for clip, answer in examples.items()} == {
        "clip_0": "needs the motion",
        "clip_1": "only the still",
        "clip_2": "a still was enough",
        "clip_3": "not recognised",
    }
    # A wrong answer is the next class.
    assert (examples["clip_0"].moving, examples["clip_0"].static) == (0, 1)
    assert (examples["clip_1"].moving, examples["clip_1"].static) == (2, 1)


def test_without_a_background_that_all_models_saw_there_is_no_example(two_models):
    first, second = two_models
    second = dataclasses.replace(
        second, predictions={"quickstart": second.predictions["quickstart"]}
    )
    assert gallery.choose(QUICKSTART, [first, second]) == ()
