import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import be, ce
from albar_jax.types import Batch, Outputs

from .conftest import mixer

NUM_CLIPS, NUM_FRAMES = 6, 5


def random_batch(num_clips=NUM_CLIPS, valid=None):
    rng = np.random.default_rng(0)
    video = rng.normal(size=(num_clips, NUM_FRAMES, 2, 3, 3)).astype(np.float32)
    valid = np.ones(num_clips, np.float32) if valid is None else np.asarray(valid, np.float32)
    return Batch(jnp.asarray(video), jnp.eye(num_clips), jnp.asarray(valid), jnp.arange(num_clips))


mix = mixer(be.make)


def frame_and_ratio(video, mixed):
    """Returns the frame that was mixed into a clip and its weight.

    They are the pair for which the formula has no residual.
    """
    candidates = []
    for frame in range(NUM_FRAMES):
        towards = video[frame] - video
        ratio = float(((mixed - video) * towards).sum() / (towards**2).sum())
        candidates.append(
            (np.abs((1 - ratio) * video + ratio * video[frame] - mixed).max(), frame, ratio)
        )

    residual, frame, ratio = min(candidates)

    assert residual < 1e-5

    return frame, ratio


def test_a_mixed_clip_is_itself_and_a_faint_frame_of_its_own_with_one_ratio_a_batch():
    batch = random_batch()
    frames, ratios = [], []

    for seed in range(60):
        mixed = np.asarray(mix(batch, seed, prob=1.0).video)
        pairs = [
            frame_and_ratio(*clips) for clips in zip(np.asarray(batch.video), mixed, strict=True)
        ]
        assert np.ptp([ratio for _, ratio in pairs]) < 1e-4
        frames += [frame for frame, _ in pairs]
        ratios.append(pairs[0][1])
    assert set(frames) == set(range(NUM_FRAMES))
    assert len({tuple(frames[i : i + NUM_CLIPS]) for i in range(0, len(frames), NUM_CLIPS)}) > 50
    # Uniform in 0..0.3: the mean of 60 is 0.15 +- 3 sd of 0.011.
    assert 0 <= min(ratios) < 0.05
    assert 0.25 < max(ratios) <= 0.3
    assert 0.117 < np.mean(ratios) < 0.183


def test_the_largest_ratio_is_an_option():
    batch = random_batch()
    for seed in range(10):
        mixed = np.asarray(mix(batch, seed, prob=1.0, max_ratio=0.02).video)
        assert frame_and_ratio(np.asarray(batch.video)[0], mixed[0])[1] < 0.021


def test_clips_are_mixed_with_the_given_probability_each_and_keep_row_and_label():
    batch = random_batch()
    touched = []
    for seed in range(200):
        mixed = mix(batch, seed, prob=0.25)
        touched.append((np.asarray(mixed.video) != np.asarray(batch.video)).any(axis=(1, 2, 3, 4)))
        for name in ("target", "valid", "index"):
            np.testing.assert_array_equal(getattr(mixed, name), getattr(batch, name))

    # 1,200 draws: 0.25 +- 4 sd of 0.0125.
    assert 0.2 < np.mean(touched) < 0.3
    # Drawn once per batch, it would be 0.43.
    assert 0 < np.std(np.mean(touched, axis=1)) < 0.3


def test_a_batch_of_one_is_mixed_with_itself():
    batch = random_batch(1)
    mixed = np.asarray(mix(batch, prob=1.0).video)
    assert 0 < frame_and_ratio(np.asarray(batch.video)[0], mixed[0])[1] <= 0.3


def features_and_logits(video):
    return np.asarray(video).mean((2, 3)).reshape(len(video), -1), np.asarray(video).sum((2, 3, 4))


def predict(video, key):
    return Outputs(video.sum((2, 3, 4)), video.mean((2, 3)).reshape(video.shape[0], -1))


def test_with_consistency_the_loss_is_mixed_cross_entropy_and_squared_feature_distance():
    method = be.make(prob=0.5, consistency_weight=7.0)

    assert method.transforms == ()

    target = np.random.default_rng(1).dirichlet(np.ones(NUM_FRAMES), NUM_CLIPS).astype(np.float32)
    batch = dataclasses.replace(random_batch(valid=[1, 1, 1, 1, 1, 0]), target=jnp.asarray(target))
    seen = []

    def seeing(video, key):
        seen.append((np.asarray(video), key))
        return predict(video, key)

    mixed_ones = 0

    for seed in range(4):
        seen.clear()
        total, metrics = method.loss(seeing, batch, jax.random.key(seed))
        (mixed, k_mixed), (clean, k_clean) = seen
        np.testing.assert_array_equal(clean, batch.video)
        assert k_mixed is not k_clean
        pick = (mixed != clean).any((1, 2, 3, 4))
        pick[5] = False
        mixed_ones += pick.sum()
        features, logits = features_and_logits(mixed)
        distance = ((features - features_and_logits(clean)[0]) ** 2).mean(1)
        log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        plain = -(target * log_probs).sum(1)[:5].mean()
        consistency = distance[pick].mean() if pick.any() else 0.0
        np.testing.assert_allclose(metrics["loss/cross_entropy"], plain, rtol=1e-5)
        np.testing.assert_allclose(metrics["loss/consistency"], consistency, rtol=1e-5)
        np.testing.assert_allclose(total, plain + 7 * consistency, rtol=1e-5)
        assert metrics["loss/total"] == total
    assert 4 < mixed_ones < 16


def test_without_consistency_it_is_a_transform_and_leaves_the_loss_to_others():
    method = be.make()
    assert len(method.transforms) == 1
    assert method.loss is None
    assert be.make(consistency_weight=1.0).loss is not ce.loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prob": 1.5}, r"be.prob is 1.5"),
        ({"max_ratio": -0.1}, r"be.max_ratio is -0.1"),
        ({"consistency_weight": -1.0}, r"be.consistency_weight is -1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        be.make(**options)
