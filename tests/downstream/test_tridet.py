"""TriDet as a head: it learns, is a function of the seed, tests the moving average, and refuses."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.tridet import evaluation
from albar_jax.downstream.tridet.head import TridetHead, with_noise
from albar_jax.downstream.tridet.videos import collect
from albar_jax.errors import UserError
from albar_jax.features.windows import Windows
from albar_jax.weights import torch_contents

from .tridet_world import CONFIG, INFO, WIDTH, changed, films, write


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    truth, arrays = films()
    return write(tmp_path_factory.mktemp("features"), arrays), truth


@pytest.fixture(scope="module")
def head(world):
    return TridetHead(*world, CONFIG, 0)


@pytest.fixture(scope="module")
def step(head):
    return jax.jit(head.train_step)


@pytest.fixture(scope="module")
def trained(head, step):
    """The state after all steps, and the metrics of each step."""
    state, rows = head.init(), []
    for number in range(head.num_steps):
        state, metrics = step(state, head.batch(number))
        rows.append(jax.device_get(metrics))

    return state, rows


def test_it_learns_to_find_the_segments(head, step, trained):
    state, rows = trained
    assert rows[-1]["loss/total"] < rows[0]["loss/total"] / 2

    result = head.evaluate(state)
    assert next(iter(result.figures)) == "map"
    assert result.figures["map"] > 80
    # One program for all steps, and one for all test videos of the same padded length.
    assert step._cache_size() == head._predict._cache_size() == 1
    untrained = head.evaluate(head.init())
    assert untrained.figures["map"] < 20

    segments = result.predictions["test8"]["segments"]
    assert segments.dtype == np.float32
    assert segments.min() >= 0
    assert segments.max() <= next(v.duration for v in head.truth.videos if v.id == "test8")


def test_batches_are_a_function_of_seed_and_step(head, world):
    first, again = head.batch(5), TridetHead(*world, CONFIG, 0).batch(5)
    for name, array in first.items():
        assert np.array_equal(array, again[name])
        assert array.shape == head.batch(6)[name].shape

    other_seed = TridetHead(*world, CONFIG, 1).batch(5)
    assert not np.array_equal(first["features"], head.batch(6)["features"])
    assert not np.array_equal(first["features"], other_seed["features"])


def test_an_epoch_has_each_video_once_and_the_next_one_another_order(head, world):
    truth, rows = head.truth, {}
    for video in truth.of_split("train"):
        rows[video.id] = world[0].read(video.id)[:, 0]

    orders = []
    for epoch in range(2):
        order = []
        for number in range(head.steps_per_epoch):
            batch = head.batch(epoch * head.steps_per_epoch + number)
            for features, mask in zip(batch["features"], batch["mask"], strict=True):
                first = features[mask][0]
                order += [name for name, array in rows.items() if (array == first).all(1).any()]
        assert sorted(order) == sorted(rows)
        orders.append(order)

    assert orders[0] != orders[1]


def test_a_video_is_cut_anew_in_each_epoch(head):
    samples = {head.batch(step)["features"][0].tobytes() for step in range(30)}
    assert len(samples) > 2 * len(head.videos.train)


def test_noise_and_stochastic_depth_come_from_seed_and_step(head, step):
    state, batch = head.init(), head.batch(0)
    # Without noise and depth, the loss would be a function of weights and batch.
    later = dataclasses.replace(state, step=jnp.int32(7))
    losses = [step(each, batch)[1]["loss/total"] for each in (state, state, later)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_noise_reaches_the_padding():
    zeros = jnp.zeros((2, 500, WIDTH))
    noisy = np.asarray(with_noise(zeros, 5e-4, jax.random.key(0)))
    assert (noisy != 0).all()
    assert noisy.std() == pytest.approx(5e-4, rel=0.1)


def test_moving_average_and_normaliser_follow_each_step(head, step):
    # The first step has the rate 0.
    state, _ = step(head.init(), head.batch(0))
    new, metrics = step(state, head.batch(1))
    old_average, average = state.extra["ema"], new.extra["ema"]
    wanted = jax.tree.map(
        lambda old, now: CONFIG.ema_decay * old + (1 - CONFIG.ema_decay) * now,
        old_average,
        new.params,
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), average, wanted)
    assert not jax.tree.all(jax.tree.map(np.array_equal, average, old_average))

    counted = 0.9 * state.extra["loss_normalizer"] + 0.1 * metrics["train/positive_points"]
    np.testing.assert_allclose(new.extra["loss_normalizer"], counted, rtol=1e-6)
    assert metrics["train/positive_points"] > 1


def test_the_moving_average_is_tested_and_exported(head, trained):
    state, _ = trained
    spoilt = dataclasses.replace(state, params=jax.tree.map(jnp.zeros_like, state.params))
    figures = head.evaluate(state).figures
    assert head.evaluate(spoilt).figures == figures

    weights = head.to_torch(spoilt)
    restored = head.from_torch({f"module.{name}": value for name, value in weights.items()})
    assert head.evaluate(restored).figures == figures
    for name, value in head.to_torch(restored).items():
        assert np.array_equal(value, weights[name])


def test_weights_of_another_network_are_refused(head):
    weights = dict(head.to_torch(head.init()))
    removed = weights.pop("backbone.branch.0.psi.bias")
    with pytest.raises(UserError, match=r"1 missing \(backbone.branch.0.psi.bias\)"):
        head.from_torch(weights)

    wrong = weights | {"backbone.branch.0.psi.bias": removed[:3]}
    with pytest.raises(UserError, match=r"mis-shaped \(backbone.branch.0.psi.bias \(3,\)"):
        head.from_torch(wrong)


def test_the_moving_average_of_a_checkpoint_is_read():
    networks = {
        name: {"module.fc.weight": np.full(3, value, np.float32)}
        for name, value in (("state_dict", 1), ("state_dict_ema", 2))
    }
    content = {"epoch": 39, **networks, "optimizer": {"state": {0: np.zeros(3)}}}
    chosen = torch_contents.choose(content, "", "file", ("state_dict_ema",))
    assert list(chosen) == ["fc.weight"]
    assert chosen["fc.weight"][0] == 2
    assert torch_contents.choose(content, "", "file")["fc.weight"][0] == 1


def test_a_test_video_without_features_is_refused(tmp_path):
    truth, arrays = films()
    unreadable = {"test9": "it is empty"}
    kept = {name: array for name, array in arrays.items() if name not in ("test8", "test9")}
    features = write(tmp_path, kept, unreadable=unreadable)
    with pytest.raises(UserError, match=r"2 videos \(test8, test9\) of the test split, 1 of "):
        collect(features, truth, CONFIG)


def test_training_videos_without_features_are_left_out_and_named(tmp_path):
    truth, arrays = films()
    del arrays["train3"]
    videos = collect(write(tmp_path, arrays), truth, CONFIG)
    assert [video.id for video in videos.train] == [f"train{n}" for n in (0, 1, 2, 4, 5, 6, 7)]
    assert videos.notes[0].endswith("because they have no features: 1 video (train3)")

    few = {name: array for name, array in arrays.items() if name[:4] == "test" or name == "train0"}
    with pytest.raises(UserError, match="features of 1 training videos, but a batch needs 2"):
        collect(write(tmp_path, few), truth, CONFIG)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps": 0.0}, "train1 has 0.0 frames per second"),
        ({"fps": float("nan")}, "train1 has nan frames per second"),
        ({"labels": np.array([0, 2])}, "train1 has the label_id 2, but the 2 classes"),
        ({"labels": np.array([-1, 0])}, "train1 has the label_id -1"),
    ],
)
def test_bad_annotations_are_refused(world, changes, message):
    features, truth = world
    with pytest.raises(UserError, match=message):
        collect(features, changed(truth, "train1", **changes), CONFIG)


def test_frame_rates_that_differ_are_reported(tmp_path):
    truth, arrays = films()
    videos = collect(write(tmp_path, arrays, fps=25.5), truth, CONFIG)
    (note,) = videos.notes
    assert note.endswith(
        "12 videos (train0: 25 and 25.5, train1: 25 and 25.5, train2: 25 and 25.5 and 9 more)"
    )
    assert not collect(write(tmp_path, arrays, fps=25.2), truth, CONFIG).notes


def test_features_of_several_crops_are_refused(tmp_path):
    truth, _ = films()
    crops = {"train0": np.zeros((20, 10, WIDTH), np.float32)}
    features = write(tmp_path, crops, info=dataclasses.replace(INFO, crops=10))
    with pytest.raises(UserError, match="has 10 crops, but TriDet reads one"):
        collect(features, truth, CONFIG)


def test_too_long_test_videos_are_refused_before_the_training(tmp_path):
    truth, arrays = films()
    arrays["test8"] = np.zeros((200, WIDTH), np.float32)
    features = write(tmp_path, arrays)
    with pytest.raises(UserError, match=r"200 feature rows, .* at most 192; .* --hop 5 or more"):
        collect(features, truth, CONFIG)
    collect(features, truth, dataclasses.replace(CONFIG, long_videos="windows"))


def test_windows_determine_the_grid(tmp_path):
    truth, arrays = films()
    for windows, frames in (
        (Windows(32, 2, 4, centred=True), 4),
        (Windows(16, 1, 4, centred=False), 16),
        (Windows(32, 2, 4, centred=False), 64),
    ):
        features = write(tmp_path, arrays, info=dataclasses.replace(INFO, windows=windows))
        videos = collect(features, truth, CONFIG)
        assert (videos.grid.hop, videos.grid.frames) == (4, frames)


def test_segments_that_begin_after_the_video_are_not_trained(world):
    features, truth = world
    late = changed(truth, "train0", segments=np.array([[1.0, 2.0], [400.0, 401.0]]))
    videos = collect(features, late, CONFIG)
    assert len(videos.train[0].segments) == 1
    assert videos.notes == ("1 training segments begin after their video and are left out",)


def test_figures_with_and_without_the_wrongly_annotated_video(world):
    _, truth = world
    renamed = changed(truth, "test8", id=evaluation.LEFT_OUT)
    perfect = {
        video.id: {
            "segments": video.segments,
            "scores": np.ones(len(video.labels)),
            "labels": video.labels,
        }
        for video in renamed.of_split("test")
        if video.id != evaluation.LEFT_OUT
    }
    figures = evaluation.evaluate(renamed, perfect).figures
    assert figures["map_211"] == pytest.approx(100)
    assert figures["map"] < 99
    assert "map_211" not in evaluation.evaluate(truth, perfect).figures


@pytest.mark.parametrize("form", ["results", "columns"])
def test_predictions_of_other_programs_are_read(tmp_path, world, form):
    _, truth = world
    content = {
        "results": {
            "results": {
                "test8": [
                    {"segment": [0.5, 1.5], "label": "jump", "score": 0.9},
                    {"segment": [2, 3], "label": 0, "score": 0.1},
                ]
            }
        },
        "columns": {
            "video-id": ["test8", "test8"],
            "t-start": [0.5, 2],
            "t-end": [1.5, 3],
            "label": [1, 0],
            "score": [0.9, 0.1],
        },
    }[form]
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(content))
    read = HEADS["tridet"].read_predictions(path, truth)["test8"]
    assert np.array_equal(read["segments"], np.float32([[0.5, 1.5], [2, 3]]))
    assert np.array_equal(read["labels"], [1, 0])
    assert np.array_equal(read["scores"], np.float32([0.9, 0.1]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"video-id": ["a"]}, "holds no predictions"),
        ({"results": {"a": 3}}, "video 'a' is no list"),
        ({"results": {"a": [{"segment": [0], "label": 0, "score": 1}]}}, "it needs segment"),
        ({"results": {"a": [{"segment": [0, 1], "label": "fly", "score": 1}]}}, "label 'fly'"),
        ({"results": {"a": [{"segment": [0, 1], "label": 2, "score": 1}]}}, "label 2"),
        ({"results": {"a": [{"segment": [0, 1e999], "label": 0, "score": 1}]}}, "finite|Infinity"),
        ({"results": {"a": [{"segment": [0, 10**400], "label": 0, "score": 1}]}}, "it needs segm"),
        ({"results": {"a": [{"segment": [2, 1], "label": 0, "score": 1}]}}, "from 2 s to 1 s"),
    ],
)
def test_damaged_predictions_are_refused(tmp_path, world, content, message):
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        evaluation.read_predictions(path, world[1])
    with pytest.raises(UserError, match='Is a directory; give a JSON file with {"results": '):
        evaluation.read_predictions(tmp_path, world[1])


def test_annotations_without_test_videos_are_refused(world):
    features, truth = world
    only_train = dataclasses.replace(truth, videos=truth.of_split("train"))
    with pytest.raises(UserError, match="the annotations have no test videos"):
        collect(features, only_train, CONFIG)


def test_undefined_figures_have_a_reason(world):
    _, truth = world
    empty = {"segments": np.zeros((0, 2)), "labels": np.zeros(0, np.int64)}
    videos = tuple(dataclasses.replace(video, **empty) for video in truth.videos)
    result = evaluation.evaluate(dataclasses.replace(truth, videos=videos), {})
    assert set(result.figures.values()) == {None}
    assert result.notes == ("the mAP is undefined: the split test has no segments",)

    only = changed(truth, "test8", id=evaluation.LEFT_OUT)
    kept = [video for video in only.videos if video.split == "train"]
    kept += [video for video in only.videos if video.id == evaluation.LEFT_OUT]
    result = evaluation.evaluate(dataclasses.replace(truth, videos=tuple(kept)), {})
    assert (result.figures["map"], result.figures["map_211"]) == (0, None)
    assert result.notes[0].startswith("the mAP without video_test_0000270 is undefined")
