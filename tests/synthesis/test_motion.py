"""Claim: the eight actions differ in motion, and a single frame does not show them."""

import numpy as np
import pytest

from albar_jax.toy import motion, sprites
from albar_jax.toy.spec import read_spec

FRAMES = 8
SPEC = read_spec("quickstart")
MOTIONS = dict(zip(SPEC.classes, SPEC.motions, strict=True))


def trajectories(action, count):
    rng = np.random.default_rng(1)
    return [motion.draw(rng, MOTIONS[action], FRAMES) for _ in range(count)]


def wrapped(steps):
    return (steps + 0.5) % 1.0 - 0.5


def observed_action(masks):
    """Recognises the action by the masks alone.

    Uses the change of the area, else the travel of the centre on the torus.
    """
    octaves = np.diff(np.log2(masks.sum(axis=(1, 2)))) / 2
    if np.abs(np.median(octaves)) > 0.05:
        return "grow" if np.median(octaves) > 0 else "shrink"
    position = np.exp(2j * np.pi * (np.arange(masks.shape[-1]) + 0.5) / masks.shape[-1])
    angles = np.angle([masks.sum(axis=1) @ position, masks.sum(axis=2) @ position]) / (2 * np.pi)
    steps = wrapped(np.diff(angles))
    axis = int(np.abs(steps).sum(axis=1).argmax())
    net, travelled = steps[axis].sum(), np.abs(steps[axis]).sum()
    if abs(net) < 0.8 * travelled:
        return ("shuttle_h", "shuttle_v")[axis]
    return (("left", "right"), ("up", "down"))[axis][int(net > 0)]


@pytest.mark.parametrize("action", SPEC.classes)
def test_rendered_motion_is_the_action(action):
    rng = np.random.default_rng(0)
    for family in SPEC.sprites:
        _, masks = sprites.render(
            sprites.draw(rng, family), motion.draw(rng, MOTIONS[action], FRAMES), 32
        )
        assert observed_action(masks) == action, family


@pytest.mark.parametrize("action", SPEC.classes)
def test_position_and_size_are_uniform_and_independent_in_every_frame(action):
    paths = trajectories(action, 600)
    for frame in (0, FRAMES // 2, FRAMES - 1):
        states = np.array(
            [(p.x[frame], p.y[frame], np.log2(p.radius[frame] / motion.MIN_RADIUS)) for p in paths]
        )
        for values in np.sort(states, axis=0).T:
            # The Kolmogorov-Smirnov statistic.
            distance = np.abs(values - (np.arange(600) + 0.5) / 600).max()
            # p = 1e-4.
            assert distance < 2.2 / np.sqrt(600), (frame, distance)
        correlation = np.corrcoef(states.T)[np.triu_indices(3, 1)]
        assert np.abs(correlation).max() < 0.16, (frame, correlation)


@pytest.mark.parametrize("action", ["left", "right", "up", "down", "shuttle_h", "shuttle_v"])
def test_speed_is_constant_within_a_clip_and_uniform_across_clips(action):
    along, across = ("y", "x") if action in ("up", "down", "shuttle_v") else ("x", "y")
    speeds = []
    for path in trajectories(action, 200):
        steps = np.abs(wrapped(np.diff(getattr(path, along))))
        # Around a turn the shuttle covers less. At least two of three steps are at full speed.
        assert np.sum(np.isclose(steps, steps.max())) >= (3 if "shuttle" in action else 7)
        assert np.ptp(getattr(path, across)) == 0
        assert np.ptp(path.radius) == 0
        speeds.append(steps.max())
    assert 0.045 <= min(speeds) < 0.048
    assert 0.077 < max(speeds) <= 0.08


def test_shuttle_comes_back_after_five_to_seven_frames():
    rng = np.random.default_rng(2)
    periods = []
    for _ in range(200):
        x = motion.draw(rng, MOTIONS["shuttle_h"], 400).x
        steps = wrapped(np.diff(x))
        turns = np.sum(np.diff(np.sign(steps[np.abs(steps) > 1e-12])) != 0)
        periods.append(2 * 399 / turns)
    assert 4.9 < min(periods) < 5.2
    assert 6.8 < max(periods) < 7.1


@pytest.mark.parametrize(("action", "sign"), [("grow", 1), ("shrink", -1)])
def test_size_changes_by_a_constant_ratio_and_starts_over(action, sign):
    rates = []
    for path in trajectories(action, 200):
        phase = np.log2(path.radius / motion.MIN_RADIUS)
        assert phase.min() >= -1e-9
        assert phase.max() <= 1
        steps = wrapped(np.diff(phase))
        np.testing.assert_allclose(steps, steps[0], atol=1e-9)
        assert np.ptp(path.x) == np.ptp(path.y) == 0
        rates.append(sign * steps[0])
    assert 0.1 <= min(rates) < 0.103
    assert 0.147 < max(rates) <= 0.15
