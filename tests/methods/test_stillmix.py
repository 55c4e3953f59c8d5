import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.methods import stillmix
from albar_jax.types import Batch

from .conftest import mixer

NUM_CLIPS, NUM_FRAMES = 6, 5


def numbered_batch(valid=None):
    """Returns clips with the value 100 i + t in frame t of clip i."""
    values = 100.0 * np.arange(NUM_CLIPS)[:, None] + np.arange(NUM_FRAMES)
    video = np.broadcast_to(
        values[:, :, None, None, None], (NUM_CLIPS, NUM_FRAMES, 2, 2, 3)
    ).astype(np.float32)
    valid = np.ones(NUM_CLIPS, np.float32) if valid is None else valid
    return Batch(jnp.asarray(video), jnp.eye(NUM_CLIPS), jnp.asarray(valid), jnp.arange(NUM_CLIPS))


mix = mixer(stillmix.make)


def test_each_mixed_clip_is_itself_and_one_frame_of_one_other_clip():
    batch = numbered_batch()
    stills = np.asarray(batch.video)[..., 0, 0, 0].reshape(-1)

    for seed in range(5):
        mixed = np.asarray(mix(batch, seed, prob=1.0).video)
        video = np.asarray(batch.video)
        # out_t = r x_t + (1 - r) s with x_t = x_0 + t, so r is the slope in time, the same for all
        # clips.
        ratio = (mixed[:, 1:] - mixed[:, :-1]).mean()
        assert 0.35 < ratio < 0.65
        still = (mixed - ratio * video)[:, :, 0, 0, 0] / (1 - ratio)
        # The still does not move.
        assert np.ptp(still, axis=1).max() < 0.05
        source = np.abs(still[:, :1] - stills).argmin(axis=1) // NUM_FRAMES
        assert (source != np.arange(NUM_CLIPS)).all()
        np.testing.assert_allclose(
            still[:, 0], stills[np.abs(still[:, :1] - stills).argmin(axis=1)], atol=0.1
        )


def test_every_other_clip_and_every_frame_can_be_the_still():
    batch = numbered_batch()
    stills = np.asarray(batch.video)[..., 0, 0, 0].reshape(-1)
    chosen = set()
    for seed in range(200):
        mixed = np.asarray(mix(batch, seed, prob=1.0).video)[:, :, 0, 0, 0]
        ratio = (mixed[:, 1:] - mixed[:, :-1]).mean()
        still = (mixed[0, 0] - ratio * 0) / (1 - ratio)
        chosen.add(int(np.abs(still - stills).argmin()))

    assert chosen == set(range(NUM_FRAMES, NUM_CLIPS * NUM_FRAMES))


def test_order_labels_and_shapes_stay():
    batch = numbered_batch()
    mixed = mix(batch, prob=0.5)

    for name in ("target", "valid", "index"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(batch, name))
    assert mixed.video.shape == batch.video.shape
    assert mixed.video.dtype == batch.video.dtype


def test_clips_are_mixed_with_the_given_probability():
    batch = numbered_batch()
    share = np.mean(
        [
            (np.asarray(mix(batch, seed, prob=0.25).video) != np.asarray(batch.video)).any(
                axis=(1, 2, 3, 4)
            )
            for seed in range(200)
        ]
    )

    # 1,200 draws: 0.25 +- 4 sd of 0.0125.
    assert 0.2 < share < 0.3
    np.testing.assert_array_equal(mix(batch, prob=0.0).video, batch.video)


def test_an_unreadable_clip_is_never_the_still():
    valid = np.array([1, 1, 0, 0, 0, 0], np.float32)
    batch = numbered_batch(valid)
    for seed in range(20):
        mixed = np.asarray(mix(batch, seed, prob=1.0).video)[0, :, 0, 0, 0]
        if not np.array_equal(mixed, np.arange(NUM_FRAMES)):
            ratio = (mixed[1:] - mixed[:-1]).mean()
            # The still is from clip 1, the only other readable one.
            assert 99 < mixed[0] / (1 - ratio) < 105


def test_a_batch_of_one_has_nothing_to_mix():
    one = jax.tree.map(lambda array: array[:1], numbered_batch())
    np.testing.assert_array_equal(mix(one, prob=1.0).video, one.video)


def test_a_probability_outside_0_to_1_is_refused():
    with pytest.raises(UserError, match=r"stillmix.prob is 1.5"):
        stillmix.make(prob=1.5)


@pytest.mark.parametrize("num_clips", [1, NUM_CLIPS])
def test_with_a_bank_each_mixed_clip_is_itself_and_its_own_still_of_the_bank(num_clips):
    rng = np.random.default_rng(0)
    still = rng.normal(size=(num_clips, 2, 2, 3)).astype(np.float32)
    batch = jax.tree.map(
        lambda array: array[:num_clips], numbered_batch(np.zeros(NUM_CLIPS, np.float32))
    )
    batch = dataclasses.replace(batch, still=jnp.asarray(still))
    video, ratios = np.asarray(batch.video), set()

    for seed in range(5):
        mixed = mix(batch, seed, prob=1.0, stills="bank")
        ratio = (np.asarray(mixed.video)[:, 1:] - np.asarray(mixed.video)[:, :-1]).mean()
        assert 0.35 < ratio < 0.65
        np.testing.assert_allclose(
            mixed.video, ratio * video + (1 - ratio) * still[:, None], rtol=1e-3, atol=1e-3
        )
        np.testing.assert_array_equal(mixed.target, batch.target)
        ratios.add(round(float(ratio), 4))
    assert len(ratios) > 1
    np.testing.assert_array_equal(mix(batch, prob=0.0, stills="bank").video, video)


def test_only_the_bank_needs_stills():
    assert stillmix.make().needs == {}
    assert set(stillmix.make(stills="bank").needs) == {"still"}
    with pytest.raises(UserError, match=r"stillmix.stills is 'frames'"):
        stillmix.make(stills="frames")
