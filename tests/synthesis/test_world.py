"""The world is biased as stated, the benchmarks swap what they should, and one frame gives nothing else away."""

import collections

import numpy as np
import pytest

from albar_jax.synthesis import backgrounds, motion, sprites
from albar_jax.synthesis.composite import compose, to_bytes
from albar_jax.synthesis.world import MIDDLE, World, action_of, draw_mover, freeze, paste_still

WORLD = World(0)


def families(world, split, count):
    """The positions of the background and the sprite family, and of the action: int (count, 3)."""
    names = tuple(backgrounds.PATTERNS), tuple(sprites.SHAPES), motion.ACTIONS
    rows = []
    for i in range(count):
        mover = world.mover(split, i)
        drawn = (world.background(split, i)[0], mover.sprite.family, mover.action)
        rows.append([known.index(name) for known, name in zip(names, drawn, strict=True)])
    return np.array(rows)


def within(share, probability, count):
    return abs(share - probability) < 4 * np.sqrt(probability * (1 - probability) / count)


@pytest.mark.parametrize("split", ["train", "test"])
def test_scenery_and_sprite_go_with_the_action_independently(split):
    count = 800
    drawn = families(WORLD, split, count)
    own_background, own_sprite = drawn[:, 0] == drawn[:, 2], drawn[:, 1] == drawn[:, 2]
    assert within(own_background.mean(), 0.85, count)
    assert within(own_sprite.mean(), 0.85, count)
    assert within((own_background & own_sprite).mean(), 0.85**2, count)
    for column, own in ((0, own_background), (1, own_sprite)):
        offsets = (drawn[~own, column] - drawn[~own, 2]) % 8
        assert set(offsets) == set(range(1, 8))
        for offset in range(1, 8):
            assert within(np.mean(offsets == offset), 1 / 7, len(offsets))


def test_without_bias_families_are_uniform():
    drawn = families(World(0, bias=1 / 8), "train", 400)
    assert within(np.mean(drawn[:, 0] == drawn[:, 2]), 1 / 8, 400)
    assert within(np.mean(drawn[:, 1] == drawn[:, 2]), 1 / 8, 400)


def test_actions_are_balanced_and_no_scuba_background_goes_with_one():
    counts = collections.Counter((action_of(i), i % 2) for i in range(320))
    assert set(counts.values()) == {20}
    train = collections.Counter(action_of(i) for i in range(1250))
    assert max(train.values()) - min(train.values()) <= 1
    assert [WORLD.novel_background(i)[0] for i in range(4)] == ["sinusoid", "octaves"] * 2


def test_splits_and_seeds_share_no_clip():
    def state(world, split, index):
        return world.mover(split, index).trajectory.x[0]

    starts = {state(World(seed), split, i) for seed in (0, 1) for split in ("train", "test") for i in range(100)}
    assert len(starts) == 400


@pytest.mark.parametrize("index", range(16))
def test_scuba_keeps_the_mover_and_replaces_the_scenery(index):
    colors, mask = draw_mover(WORLD.mover("test", index))
    novel = WORLD.novel_background(index)[1]
    own = compose(colors, mask, WORLD.background("test", index)[1])
    scuba = compose(colors, mask, novel)
    assert (scuba[mask == 1] == own[mask == 1]).all()
    scene = np.broadcast_to(to_bytes(novel), scuba.shape)
    assert (scuba[mask == 0] == scene[mask == 0]).all()
    edge = (mask > 0) & (mask < 1)
    by_hand = (
        mask[edge][:, None] * colors[edge] + (1 - mask[edge][:, None]) * np.broadcast_to(novel, colors.shape)[edge]
    )
    np.testing.assert_allclose(scuba[edge], by_hand * 255, atol=0.501)


def test_scufo_is_the_middle_frame_of_scuba_throughout():
    scuba = compose(*draw_mover(WORLD.mover("test", 0)), WORLD.novel_background(0)[1])
    assert (scuba[MIDDLE] != scuba[MIDDLE - 1]).any()
    assert (freeze(scuba) == scuba[4]).all()
    assert freeze(scuba).shape == scuba.shape


def test_donors_are_of_other_actions_and_of_all_of_them():
    pairs = collections.Counter((action_of(i), action_of(WORLD.donor(i, 320))) for i in range(320))
    assert all(mover != donor for mover, donor in pairs)
    assert len(pairs) > 50  # of 56
    assert len({WORLD.donor(i, 320) for i in range(320)}) > 160


@pytest.mark.parametrize("index", range(16))
def test_conflfg_is_scuba_with_a_still_sprite_behind_the_mover(index):
    novel = WORLD.novel_background(index)[1]
    colors, mask = draw_mover(WORLD.mover("test", index))
    donor_colors, donor_mask = draw_mover(WORLD.mover("test", WORLD.donor(index, 320)))
    clip = compose(colors, mask, paste_still(WORLD.mover("test", WORLD.donor(index, 320)), novel))
    scuba = compose(colors, mask, novel)
    assert (clip[mask == 1] == scuba[mask == 1]).all()  # behind
    still_mask, still = donor_mask[MIDDLE], to_bytes(donor_colors[MIDDLE])
    shown = (mask == 0) & (still_mask == 1)
    assert (clip[shown] == np.broadcast_to(still, clip.shape)[shown]).all()  # the same in every frame
    elsewhere = (mask == 0) & (still_mask == 0)
    assert (clip[elsewhere] == scuba[elsewhere]).all()


def test_sprite_is_brighter_than_every_background_in_every_split():
    for split in ("train", "test"):
        for index in range(40):
            mover = WORLD.mover(split, index)
            colors, mask = draw_mover(mover)
            scenes = [WORLD.background(split, index)[1]]
            if split == "test":
                scenes.append(WORLD.novel_background(index)[1])
            for scene in scenes:
                clip = compose(colors, mask, scene).max(axis=-1) / 255  # the V of HSV
                assert clip[mask == 1].min() >= 0.89
                assert clip[mask == 0].max() <= 0.66


def single_frames(world, split, count):
    """Pixels of one frame of each clip, centred: (count, features)."""
    pictures = []
    for i in range(count):
        mover = world.mover(split, i)
        path = mover.trajectory
        one = motion.Trajectory(path.x[4:5], path.y[4:5], path.radius[4:5])
        colors, mask = sprites.render(mover.sprite, one, 32)
        pictures.append(compose(colors, mask, world.background(split, i)[1])[0] / 255)
    pixels = np.stack(pictures)
    coarse = pixels.reshape(count, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(count, -1)
    histogram = [np.histogramdd(p.reshape(-1, 3), 4, [(0, 1)] * 3)[0].ravel() / 1024 for p in pixels]
    features = np.concatenate([coarse, np.sqrt(histogram)], axis=1)
    return features - features.mean(axis=0)


def static_accuracy(world):
    """Accuracy in percent of ridge regression to one-hot actions, from single frames."""
    labels = np.array([motion.ACTIONS.index(action_of(i)) for i in range(800)])
    train, test = single_frames(world, "train", 800), single_frames(world, "test", 400)
    weights = np.linalg.solve(train.T @ train + 3.0 * np.eye(train.shape[1]), train.T @ (np.eye(8)[labels] - 1 / 8))
    return 100 * np.mean((test @ weights).argmax(axis=1) == labels[:400])


def test_one_frame_tells_the_action_only_through_the_bias():
    """At chance (12.5 %, sd 1.7) without bias; the same reader finds the short cut where there is one."""
    assert static_accuracy(World(0, bias=1 / 8)) < 12.5 + 4 * 1.7
    assert static_accuracy(World(0)) > 60
