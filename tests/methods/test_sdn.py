import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import sdn
from albar_jax.methods.heads import HEADS, with_heads
from albar_jax.types import Batch, Outputs

NUM_CLIPS, CLASSES, SCENES, FEATURES = 6, 5, 4, 8
# Frames, rows and columns of a mask.
SHAPE = (10, 3, 4)


def random_batch(num_clips=NUM_CLIPS):
    """Returns clips with a person in every frame.

    Clip 2 has no pseudo-label, and clip 5 is unreadable.
    """
    rng = np.random.default_rng(0)
    scene = rng.dirichlet(np.ones(SCENES), num_clips)
    scene[2:3] = 0
    mask = rng.random((num_clips, *SHAPE)) < 0.3
    mask[:, :, 0, 0] = True
    return Batch(
        jnp.asarray(rng.normal(size=(num_clips, *SHAPE, 3)), jnp.float32),
        jnp.asarray(rng.dirichlet(np.ones(CLASSES), num_clips), jnp.float32),
        jnp.asarray(np.arange(num_clips) != 5, jnp.float32),
        jnp.arange(num_clips),
        person_mask=jnp.asarray(mask),
        scene=jnp.asarray(scene, jnp.float32),
    )


def random_head(seed=0):
    """Returns parameters with random scales and biases, so that a missing one is noticed."""
    params = sdn.scene_head(SCENES, 1.0).init(jax.random.key(seed), FEATURES)
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: x + (0.3 * rng.normal(size=x.shape) if x.ndim == 1 else 0), params
    )


def published_head(params, features):
    x = np.asarray(features, np.float64)
    for i in range(3):
        layer = params[str(i)]
        x = x @ layer["kernel"] + layer["bias"]
        x = (x - x.mean(0)) / np.sqrt(((x - x.mean(0)) ** 2).mean(0) + 1e-5)
        x = np.maximum(x * layer["norm"]["scale"] + layer["norm"]["bias"], 0)

    return x @ params["3"]["kernel"] + params["3"]["bias"]


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def published_scene_loss(params, features, scene):
    return -(scene * log_softmax(published_head(params, features))).sum(1).mean()


def in_float64(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def test_the_head_is_three_normalised_layers_of_512_and_a_linear_one():
    params = random_head()

    assert [params[str(i)]["kernel"].shape for i in range(4)] == [
        (8, 512),
        (512, 512),
        (512, 512),
        (512, 4),
    ]

    features = np.random.default_rng(1).normal(size=(NUM_CLIPS, FEATURES)).astype(np.float32)
    logits = sdn.scene_head(SCENES, 1.0).apply(params, features)

    np.testing.assert_allclose(
        logits, published_head(in_float64(params), features), rtol=1e-5, atol=1e-5
    )


def test_the_classifier_learns_scenes_and_the_network_is_sent_the_other_way_alpha_times():
    """Compares with central differences of the loss without a reversal."""
    params, rng = random_head(), np.random.default_rng(1)
    features, scene = (
        rng.normal(size=(NUM_CLIPS, FEATURES)),
        rng.dirichlet(np.ones(SCENES), NUM_CLIPS),
    )

    def loss(params, features):
        logits = sdn.scene_head(SCENES, 2.5).apply(params, features)
        return -jnp.mean(jnp.sum(jnp.asarray(scene) * jax.nn.log_softmax(logits), axis=1))

    of_params, of_features = jax.grad(loss, argnums=(0, 1))(
        params, jnp.asarray(features, jnp.float32)
    )
    exact, step = in_float64(params), 1e-6
    slopes = np.zeros_like(features)
    for place in np.ndindex(features.shape):
        shift = np.zeros_like(features)
        shift[place] = step
        up, down = (published_scene_loss(exact, features + sign * shift, scene) for sign in (1, -1))
        slopes[place] = (up - down) / (2 * step)

    assert np.abs(slopes).max() > 1e-2
    np.testing.assert_allclose(of_features, -2.5 * slopes, atol=2e-3 * np.abs(slopes).max())

    bias, slopes = exact["3"]["bias"], []
    for i in range(SCENES):
        values = []
        for sign in (1, -1):
            exact["3"]["bias"] = bias + sign * step * (np.arange(SCENES) == i)
            values.append(published_scene_loss(exact, features, scene))
        slopes.append((values[0] - values[1]) / (2 * step))

    np.testing.assert_allclose(of_params["3"]["bias"], slopes, atol=1e-4)


def test_every_layer_starts_as_torch_starts_it():
    params = sdn.scene_head(SCENES, 1.0).init(jax.random.key(0), 100)

    for name, bound in (("0", 0.1), ("1", 512**-0.5), ("3", 512**-0.5)):
        for value in (params[name]["kernel"], params[name]["bias"]):
            assert np.abs(value).max() <= bound
        np.testing.assert_allclose(np.std(params[name]["kernel"]), bound / 3**0.5, rtol=0.05)
    assert (np.asarray(params["1"]["norm"]["scale"]) == 1).all()
    assert not np.array_equal(params["1"]["kernel"], params["2"]["kernel"])


def test_persons_become_the_mean_colour_of_their_frame():
    batch = random_batch()
    video, mask = np.asarray(batch.video), np.asarray(batch.person_mask)
    hidden = np.asarray(sdn.without_persons(batch.video, batch.person_mask))

    for clip, frame, row, column in np.ndindex(mask.shape):
        pixels = video[clip, frame]
        expected = pixels.mean((0, 1)) if mask[clip, frame, row, column] else pixels[row, column]
        np.testing.assert_allclose(hidden[clip, frame, row, column], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("frames", "min_share", "counts"),
    [
        (7, 0.7, True),
        (6, 0.7, False),
        (10, 1.0, True),
        (9, 1.0, False),
        (1, 0.0, True),
        (0, 0.0, False),
        (0, 0.7, False),
    ],
)
def test_a_clip_counts_when_a_person_is_in_enough_of_its_frames(frames, min_share, counts):
    mask = np.zeros((2, *SHAPE), bool)
    mask[0, :frames, 1, 2] = True
    mask[1, :, 0, 0] = True
    assert sdn.shows_person(jnp.asarray(mask), min_share).tolist() == [counts, True]


def test_a_share_that_cannot_be_written_in_binary_needs_no_frame_more():
    mask = np.zeros((1, 25, 1, 1), bool)
    mask[0, :7] = True
    assert 0.28 * 25 > 7
    assert sdn.shows_person(jnp.asarray(mask), 0.28).tolist() == [True]


def network(weights, video, key):
    features = jnp.tanh(video.mean((2, 3)).reshape(video.shape[0], -1) @ weights["kernel"])
    return Outputs(features @ weights["head"], features)


def random_network():
    rng = np.random.default_rng(3)
    weights = {
        "kernel": rng.normal(size=(30, FEATURES)),
        "head": rng.normal(size=(FEATURES, CLASSES)),
    }
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), weights)


def evaluate(batch, **options):
    """Returns the total, the metrics, and the videos and outputs of all passes."""
    method = sdn.make(num_scenes=SCENES, **options)
    apply, weights = with_heads(
        network, random_network(), method.heads, jax.random.key(0), FEATURES
    )
    seen = []

    def predict(video, key):
        seen.append((np.asarray(video), apply(weights, video, key)))
        return seen[-1][1]

    return *method.loss(predict, batch, jax.random.key(1)), seen


def test_the_loss_is_the_weighted_sum_of_three_terms_over_the_clips_that_count_in_each():
    batch = random_batch()
    # Clip 1 shows a person in 60 % of its frames.
    batch = dataclasses.replace(batch, person_mask=batch.person_mask.at[1, :4].set(False))
    total, metrics, seen = evaluate(batch, scene_weight=3.0, confusion_weight=5.0)
    (moving, outputs), (hidden, _) = seen

    np.testing.assert_array_equal(moving, batch.video)
    np.testing.assert_array_equal(hidden, sdn.without_persons(batch.video, batch.person_mask))

    weights = in_float64(random_network())
    features = np.tanh(hidden.mean((2, 3)).reshape(NUM_CLIPS, -1) @ weights["kernel"])
    of_hidden = log_softmax(features @ weights["head"])
    plain = (
        -(np.asarray(batch.target) * log_softmax(np.asarray(outputs.logits)))
        .sum(1)[[0, 1, 2, 3, 4]]
        .mean()
    )
    scene = (
        -(np.asarray(batch.scene) * log_softmax(np.asarray(outputs.heads["scene"])))
        .sum(1)[[0, 1, 3, 4]]
        .mean()
    )
    confusion = (np.exp(of_hidden) * of_hidden).sum(1)[[0, 2, 3, 4]].mean()

    assert confusion < 0
    for name, value in (("cross_entropy", plain), ("scene", scene), ("confusion", confusion)):
        np.testing.assert_allclose(metrics[f"loss/{name}"], value, rtol=1e-4)
    np.testing.assert_allclose(total, plain + 3 * scene + 5 * confusion, rtol=1e-4)
    assert metrics["loss/total"] == total


def test_a_weight_of_0_removes_its_term_and_what_only_it_needs():
    batch = random_batch()
    everything, scenes, persons = (
        sdn.make(),
        sdn.make(confusion_weight=0.0),
        sdn.make(scene_weight=0.0),
    )
    assert [set(method.needs) for method in (everything, scenes, persons)] == [
        {"scene", "person_mask"},
        {"scene"},
        {"person_mask"},
    ]
    assert [set(method.heads) for method in (everything, scenes, persons)] == [
        {"scene"},
        {"scene"},
        set(),
    ]

    *_, seen = evaluate(dataclasses.replace(batch, person_mask=None), confusion_weight=0.0)

    assert len(seen) == 1

    _, metrics, _ = evaluate(dataclasses.replace(batch, scene=None), scene_weight=0.0)

    assert metrics["loss/scene"] == 0
    assert metrics["loss/confusion"] < 0


def test_no_scenes_no_persons_and_a_batch_of_one_have_finite_gradients():
    batch = random_batch()
    without = dataclasses.replace(
        batch, scene=jnp.zeros_like(batch.scene), person_mask=jnp.zeros_like(batch.person_mask)
    )
    method = sdn.make(num_scenes=SCENES)
    apply, weights = with_heads(
        network, random_network(), method.heads, jax.random.key(0), FEATURES
    )

    for given in (without, random_batch(1)):

        def loss(weights):
            predict = functools.partial(apply, weights)
            return method.loss(predict, given, jax.random.key(1))  # noqa: B023

        gradients, metrics = jax.grad(loss, has_aux=True)(weights)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, metrics)))
        if given is without:
            assert metrics["loss/total"] == metrics["loss/cross_entropy"]
            assert not any(np.abs(leaf).max() for leaf in jax.tree.leaves(gradients[HEADS]))


def test_another_number_of_scenes_is_a_clear_error():
    method = sdn.make()
    apply, weights = with_heads(
        network, random_network(), method.heads, jax.random.key(0), FEATURES
    )

    with pytest.raises(UserError, match=r"sdn.num_scenes is 365, .* 4 scenes"):
        method.loss(
            lambda video, key: apply(weights, video, key), random_batch(), jax.random.key(0)
        )


@pytest.mark.parametrize(
    "options",
    [
        {"num_scenes": 0},
        {"scene_weight": -1.0},
        {"reversal": -0.5},
        {"confusion_weight": -2.0},
        {"min_person_share": 1.2},
    ],
)
def test_options_out_of_range_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(UserError, match=rf"sdn.{name} is {value}"):
        sdn.make(**options)
