"""MGFN as a head: its batches, training, evaluation and refusals."""

import dataclasses

import jax
import numpy as np
import pytest

from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.evaluation import evaluate
from albar_jax.downstream.mgfn.head import MgfnHead
from albar_jax.downstream.mgfn.other_scores import read_predictions, with_frames
from albar_jax.errors import UserError
from albar_jax.features.anomaly import AnomalyVideo

from .mgfn_golden import COUNTER, write_features

CONFIG = MgfnConfig(
    epochs=20,
    batch_size=4,
    learning_rate=3e-3,
    dims=(8, 16),
    depths=(1, 1),
    blocks=("glance", "focus"),
    dim_head=8,
    segments=8,
)
WIDTH = 6
HOP = 4
ROWS = 20
# Rows of the event in an abnormal video.
EVENT = slice(8, 14)


def make_videos(normal=9, abnormal=10, test=3):
    videos = [AnomalyVideo(f"n{i}", "train", "Normal") for i in range(normal)]
    videos += [AnomalyVideo(f"a{i}", "train", "Arson") for i in range(abnormal)]
    videos += [AnomalyVideo(f"tn{i}", "test", "Normal") for i in range(test)]
    # 1-based and inclusive.
    event = (EVENT.start * HOP + 1, EVENT.stop * HOP)
    return [*videos, *(AnomalyVideo(f"ta{i}", "test", "Arson", (event,)) for i in range(test))]


def make_features(folder, videos, crops=1):
    """Draws features; one channel is larger in the event of abnormal videos."""
    rows = {}
    for number, video in enumerate(videos):
        rng = np.random.default_rng(number)
        features = rng.normal(size=(ROWS, crops, WIDTH)).astype(np.float32)
        if video.is_abnormal:
            features[EVENT, :, 0] += 4
        rows[video.id] = features
    return write_features(folder, rows, hop=HOP)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return make_features(tmp_path_factory.mktemp("features"), make_videos())


@pytest.fixture(scope="module")
def trained(features):
    """A head, its compiled step, its last state and the last metrics."""
    head = MgfnHead(features, make_videos(), CONFIG, seed=0)
    # As the training loop does.
    step = jax.jit(head.train_step, donate_argnums=0)
    state = head.init()
    metrics = {}
    for number in range(head.num_steps):
        state, metrics = step(state, head.batch(number))
    return head, step, state, metrics


def test_training_finds_the_event(trained):
    head, step, last, metrics = trained
    before, after = head.evaluate(head.init()), head.evaluate(last)

    assert last.step == head.num_steps == 40
    assert step._cache_size() == 1
    assert metrics["loss/total"] < 1
    assert list(after.figures) == ["roc_auc", "pr_auc", "roc_auc_abnormal"]
    assert after.figures["roc_auc"] > max(85, before.figures["roc_auc"] + 10)
    assert set(after.predictions) == {f"t{kind}{i}" for kind in "an" for i in range(3)}
    assert after.predictions["ta0"]["scores"].shape == (ROWS,)
    assert after.predictions["ta0"]["frames_per_score"] == HOP
    # The scores of rows stand for `hop` frames.
    assert evaluate(make_videos(), after.predictions).figures == after.figures


def test_steps_are_functions_of_the_state_and_draw_new_masks(trained):
    head, step, *_ = trained
    state, metrics = step(head.init(), head.batch(0))
    again, repeated = step(head.init(), head.batch(0))
    first = head.init()
    _, later = step(dataclasses.replace(first, step=first.step + 1), head.batch(0))

    assert state.step == 1
    assert set(metrics) >= {"loss/total", "loss/bce", "loss/con_a", "optim/gradient_norm"}
    assert metrics == repeated
    assert jax.tree.all(jax.tree.map(np.array_equal, state, again))
    # Same weights and videos, other masks.
    assert metrics["loss/sparse"] == later["loss/sparse"]
    assert metrics["loss/bce"] != later["loss/bce"]


def test_batches_are_unshuffled_pairs_of_normal_and_abnormal_videos(features):
    head = MgfnHead(features, make_videos(), CONFIG, seed=0)
    names = head._train_videos.names

    assert head.steps_per_epoch == 2
    assert names(0) == ["n0", "n1", "n2", "n3", "a0", "a1", "a2", "a3"]
    assert names(1) == names(3) == ["n4", "n5", "n6", "n7", "a4", "a5", "a6", "a7"]
    batch = head.batch(1)["videos"]
    assert batch.shape == (8, 1, 8, WIDTH + 1)
    assert batch.dtype == np.float32
    assert np.allclose(batch[..., -1], np.linalg.norm(batch[..., :-1], axis=-1))
    assert np.array_equal(batch, head.batch(3)["videos"])


def test_shuffling_draws_an_order_for_each_epoch(features):
    config = dataclasses.replace(CONFIG, shuffle=True)
    names = MgfnHead(features, make_videos(), config, seed=0)._train_videos.names
    again = MgfnHead(features, make_videos(), config, seed=0)._train_videos.names
    other = MgfnHead(features, make_videos(), config, seed=1)._train_videos.names

    epochs = [names(2 * epoch) + names(2 * epoch + 1) for epoch in range(20)]
    for epoch in epochs:
        assert len(set(epoch)) == 16
        assert all(name[0] == "n" for name in epoch[:4] + epoch[8:12])
    # All videos are seen, in another order each time.
    assert len({name for epoch in epochs for name in epoch}) == 19
    assert len({tuple(epoch) for epoch in epochs}) == 20
    assert names(7) == again(7) != other(7)


def test_weights_leave_and_enter_under_the_names_of_the_original(trained):
    head, _, state, _ = trained
    exported = head.to_torch(state)
    loaded = head.from_torch(exported)

    assert exported["stages.1.0.layers.0.1.norm." + COUNTER] == head.num_steps
    assert loaded.step == 0
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded.params, state.params))
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded.extra, state.extra))
    with pytest.raises(UserError, match="1 missing .fc.bias."):
        head.from_torch({name: value for name, value in exported.items() if name != "fc.bias"})


def test_train_videos_without_features_are_noted_and_test_videos_refused(features):
    videos = make_videos()
    extra = AnomalyVideo("lost", "train", "Normal")
    head = MgfnHead(features, [extra, *videos], CONFIG, seed=0)
    notes = head.evaluate(head.init()).notes
    assert notes == ("left out of the training, because they have no features: 1 video (lost)",)

    with pytest.raises(UserError, match="no features of 1 video .lost. of the test split, 0 of"):
        MgfnHead(features, [*videos, dataclasses.replace(extra, split="test")], CONFIG, seed=0)
    with pytest.raises(UserError, match="the annotations have no test videos"):
        MgfnHead(features, [v for v in videos if v.split == "train"], CONFIG, seed=0)


@pytest.mark.parametrize("kind", ["normal", "abnormal"])
def test_both_classes_are_needed(features, kind):
    videos = [
        video
        for video in make_videos()
        if video.split == "test" or video.is_abnormal == (kind == "normal")
    ]
    with pytest.raises(UserError, match=f"there are 0 {kind} training videos"):
        MgfnHead(features, videos, CONFIG, seed=0)


def test_batches_without_pairs_are_refused(features, tmp_path):
    with pytest.raises(UserError, match="batch_size is 1, .* pairs"):
        dataclasses.replace(CONFIG, batch_size=1)
    with pytest.raises(UserError, match="batch_size is 3, but pairs of videos need an even"):
        dataclasses.replace(CONFIG, batch_size=3, pairs="videos")

    odd = dataclasses.replace(CONFIG, batch_size=3)
    with pytest.raises(UserError, match="batch_size is 3 and the features have 1 crops"):
        MgfnHead(features, make_videos(), odd, seed=0)
    # The rows of 10 crops are even.
    ten = make_features(tmp_path, make_videos(), crops=10)
    assert MgfnHead(ten, make_videos(), odd, seed=0).batch(0)["videos"].shape[:2] == (6, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": "old"}, "losses is 'old'; it is one of 'current', 'before2023'"),
        ({"selection_dropout": 1.0}, "selection_dropout is 1.0"),
        ({"depths": (1,)}, "differ in their number of stages"),
        ({"blocks": ("glance", "global")}, "block is 'global'"),
        ({"dims": (8, 12)}, "12 channels, which dim_head 8 does not divide"),
        ({"selected": 9}, "selected is 9, but there are only 8 segments"),
        ({"epochs": 0}, "epochs is 0"),
        ({"shuffle": "no"}, "shuffle is 'no'; it has to be True or False"),
        ({"dims": 8}, "dims is 8"),
        ({"dims": ("a", 16)}, "dims is 'a'"),
        ({"depths": (1, 0)}, "depths is 0"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_undefined_areas_are_none_with_a_reason_and_clipped_events_are_noted():
    normal = [AnomalyVideo("n", "test", "Normal")]
    frames = np.int32(16)
    scores = {
        "n": {"scores": np.ones(3), "frames_per_score": frames},
        "a": {"scores": np.arange(3.0), "frames_per_score": frames},
    }
    only_normal = evaluate(normal, scores)
    assert set(only_normal.figures.values()) == {None}
    assert only_normal.notes[0] == "roc_auc is undefined: no frame is anomalous"

    # 16 frames for each of 3 rows; the event ends later.
    abnormal = AnomalyVideo("a", "test", "Arson", ((33, 99),))
    both = evaluate([*normal, abnormal], scores)
    assert both.figures["roc_auc_abnormal"] == 100
    assert both.notes == ("events that end after the last score are clipped: 1",)
    with pytest.raises(UserError, match="no scores of 1 test videos, such as a;"):
        evaluate([abnormal], {})


TWO = [
    AnomalyVideo("n", "test", "Normal"),
    AnomalyVideo("a", "test", "Arson", ((17, 32), (65, 80))),
]


@pytest.fixture
def scores(tmp_path):
    """A folder of the scores of two videos, one per 16 frames."""
    # (T, 1) is a list, too.
    np.save(tmp_path / "n.npy", np.array([[0.1], [0.3]]))
    np.save(tmp_path / "a.npy", np.array([0.2, 0.9, 0.1, 0.2, 0.8]))
    return tmp_path


@pytest.mark.parametrize("frames_per_score", [1, 16])
def test_scores_of_other_programs_stand_for_the_stated_frames(scores, frames_per_score):
    for path in scores.iterdir():
        np.save(path, np.repeat(np.load(path), 16 // frames_per_score))
    read = with_frames(read_predictions(scores, TWO), TWO, frames_per_score, {})
    figures = evaluate(TWO, read).figures
    assert figures["roc_auc"] == figures["roc_auc_abnormal"] == 100


@pytest.mark.parametrize(
    ("frames_per_score", "num_frames", "message"),
    [
        # The last frames may have no score, or their own.
        (16, 80, ""),
        (16, 95, ""),
        (16, 70, ""),
        (16, None, ""),
        (16, 96, "a has 5 scores of 16 frames, so of 80 frames, but the video has 96;"),
        (16, 64, "so of 80 frames, but the video has 64;"),
        (8, 80, "so of 40 frames, but the video has 80;"),
        (1, 80, "so of 5 frames, but the video has 80;"),
        # Without the number of frames, the events have to begin within the scores.
        (12, None, "so of 60 frames, but it has an event from 65 to 80;"),
        (1, None, "so of 5 frames, but it has an event from 17 to 32;"),
        (13, None, ""),
    ],
)
def test_scores_of_another_number_of_frames_are_refused(
    scores, frames_per_score, num_frames, message
):
    read = read_predictions(scores, TWO)
    known = {} if num_frames is None else {"a": num_frames}
    if not message:
        with_frames(read, TWO, frames_per_score, known)
        return
    with pytest.raises(UserError, match=message):
        with_frames(read, TWO, frames_per_score, known)


def test_events_at_the_very_end_may_have_no_score():
    video = AnomalyVideo("a", "test", "Arson", ((85, 90),))
    read = {"a": {"scores": np.zeros(5)}}
    assert with_frames(read, [video], 16, {"a": 90})["a"]["frames_per_score"] == 16
    with pytest.raises(UserError, match="so of 80 frames, but it has an event from 85 to 90;"):
        with_frames(read, [video], 16, {})


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0.1, np.nan]), "not finite"),
        (np.array([1e300]), "not finite"),
        (np.array(0.5), r"has the shape \(\) of float64"),
        (np.zeros((3, 2)), r"has the shape \(3, 2\)"),
        (np.zeros(0), r"has the shape \(0,\)"),
        (np.array(["high"]), "of <U4"),
    ],
)
def test_files_that_are_no_list_of_scores_are_refused(scores, array, message):
    np.save(scores / "n.npy", array)
    with pytest.raises(UserError, match=message):
        read_predictions(scores, TWO)


def test_scores_have_to_be_in_a_folder(scores):
    with pytest.raises(UserError, match="n.npy is no folder"):
        read_predictions(scores / "n.npy", TWO)
