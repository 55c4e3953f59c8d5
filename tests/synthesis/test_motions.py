"""Claim: each motion does what its name says, and no frame of any world shows the class."""

import numpy as np
import pytest

from albar_jax.toy import motion
from albar_jax.toy.motions import MOTIONS
from albar_jax.toy.spans import ANY_ANGLE, Span
from albar_jax.toy.spec import read_spec, shipped

TIME = np.arange(9)


def of(value):
    return Span(value, value)


def offsets(name, **options):
    """Returns the offsets of a motion whose options are numbers; the start of cycles is random."""
    options = {
        key: of(float(value)) if isinstance(value, (int, float)) else value
        for key, value in options.items()
    }
    for key in ("factor", "go"):
        if key in options:
            options[key] = options[key].low
    return MOTIONS[name](**options).offsets(np.random.default_rng(0), TIME)


def steps(values):
    return np.diff(np.broadcast_to(values, TIME.shape))


def distances(found):
    return np.hypot(steps(found.x), steps(found.y))


@pytest.mark.parametrize(("angle", "x", "y"), [(0, 1, 0), (90, 0, -1), (180, -1, 0), (45, 1, -1)])
def test_angles_are_counterclockwise_from_the_right_and_y_points_down(angle, x, y):
    found = offsets("translate", angle=angle, speed=0.1)
    length = np.hypot(x, y)
    np.testing.assert_allclose(steps(found.x), 0.1 * x / length, atol=1e-12)
    np.testing.assert_allclose(steps(found.y), 0.1 * y / length, atol=1e-12)


@pytest.mark.parametrize("factor", [8.0, 0.25])
def test_accelerate_changes_its_speed_evenly_by_the_factor(factor):
    speed = steps(offsets("accelerate", angle=0, speed=0.02, factor=factor).x)
    np.testing.assert_allclose(np.diff(speed), np.diff(speed)[0])
    # Speeds in the middle of the first and of the last step.
    ends = 0.02 * (1 + (factor - 1) * np.array([0.5, 7.5]) / 8)
    np.testing.assert_allclose(speed[[0, -1]], ends)


def test_stop_and_go_moves_for_a_share_of_the_time_and_rests():
    found = steps(offsets("stop_and_go", angle=0, speed=0.1, period=4, go=0.5).x)
    assert found.sum() == pytest.approx(0.1 * 8 * 0.5)
    assert np.isclose(found, 0).sum() >= 2
    assert np.isclose(found, 0.1).sum() >= 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("shuttle", {"angle": 0, "speed": 0.05}),
        ("sway", {"angle": 0, "amplitude": 0.1}),
        ("orbit", {"radius": 0.1, "sense": "clockwise"}),
        ("eight", {"angle": 0, "amplitude": 0.1}),
        ("square", {"angle": 0, "side": 0.2, "sense": "clockwise"}),
        ("pulse", {"rate": 0.1}),
        ("rock", {"rate": 0.1}),
    ],
)
def test_cycles_return_after_a_period_and_not_before(name, options):
    found = offsets(name, **options, period=8)
    path = np.stack([np.broadcast_to(v, TIME.shape) for v in vars(found).values()])
    np.testing.assert_allclose(path[:, 8], path[:, 0], atol=1e-12)
    assert np.abs(path[:, 4] - path[:, 0]).max() > 0.01 or name in ("eight", "shuttle")
    assert np.abs(np.diff(path)).max() > 0.02


@pytest.mark.parametrize("name", ["orbit", "square", "spiral"])
@pytest.mark.parametrize(("sense", "sign"), [("clockwise", 1), ("counterclockwise", -1)])
def test_curves_turn_in_their_sense(name, sense, sign):
    options = {"orbit": {"radius": 0.1}, "square": {"angle": 30, "side": 0.2}}
    more = options.get(name, {"radius": 0.02, "factor": 10.0})
    found = offsets(name, **more, period=6, sense=sense)
    x, y = steps(found.x), steps(found.y)
    # With y down, a clockwise turn has a positive cross product of successive steps.
    assert (sign * (x[:-1] * y[1:] - y[:-1] * x[1:]) > -1e-12).all()
    assert np.abs(x[:-1] * y[1:] - y[:-1] * x[1:]).max() > 1e-3


def test_a_spiral_grows_from_its_first_to_its_last_radius():
    found = offsets("spiral", radius=0.03, factor=5.0, period=6, sense="clockwise")
    radius = np.hypot(found.x, found.y)
    np.testing.assert_allclose(radius, np.linspace(0.03, 0.15, 9))


def test_a_square_has_four_sides_and_constant_speed():
    many = np.arange(400) / 100
    square = MOTIONS["square"](of(0.0), of(0.2), of(4.0), "clockwise")
    found = square.offsets(np.random.default_rng(0), many)
    for values in (found.x, found.y):
        assert np.ptp(values) == pytest.approx(0.2, abs=0.005)
    length = np.hypot(np.diff(found.x), np.diff(found.y)).sum()
    assert length == pytest.approx(0.8, abs=0.01)


def test_jumps_are_steps_of_their_length():
    hops = distances(offsets("hop", angle=30, step=0.2, period=3))
    assert all(np.isclose(hops, 0) | np.isclose(hops, 0.2))
    assert 2 <= np.isclose(hops, 0.2).sum() <= 3
    assert np.allclose(distances(offsets("jitter", step=0.07)), 0.07)


def test_a_zigzag_goes_forward_and_from_side_to_side():
    found = offsets("zigzag", angle=90, speed=0.05, period=4)
    np.testing.assert_allclose(steps(found.y), -0.05)
    assert set(np.sign(steps(found.x)[np.isclose(abs(steps(found.x)), 0.05)])) == {1, -1}


def test_sizes_and_turns_change_at_their_rates():
    np.testing.assert_allclose(steps(offsets("grow", rate=0.1).octaves), 0.1)
    np.testing.assert_allclose(steps(offsets("shrink", rate=0.1).octaves), -0.1)
    np.testing.assert_allclose(steps(offsets("spin", rate=0.1, sense="clockwise").turns), 0.1)
    spin = offsets("spin", rate=0.1, sense="counterclockwise")
    np.testing.assert_allclose(steps(spin.turns), -0.1)
    assert distances(offsets("still")).max() == 0


def test_motions_of_a_list_happen_at_once():
    both = (
        MOTIONS["translate"](of(0.0), of(0.05)),
        MOTIONS["grow"](of(0.1)),
        MOTIONS["spin"](of(0.05), "clockwise"),
    )
    path = motion.draw(np.random.default_rng(0), both, 5)
    np.testing.assert_allclose(np.diff(path.x) % 1, 0.05)
    np.testing.assert_allclose(np.diff(np.log2(path.radius)) % 1, 0.1)
    np.testing.assert_allclose(np.diff(path.turns), 0.05)


def test_any_angle_draws_all_directions():
    rng = np.random.default_rng(0)
    rush = MOTIONS["translate"](ANY_ANGLE, of(0.1))
    found = [rush.offsets(rng, TIME) for _ in range(400)]
    angles = np.sort([np.arctan2(one.y[1], one.x[1]) for one in found]) / (2 * np.pi) % 1
    assert distance_to_uniform(angles) < 2.2 / np.sqrt(400)


def distance_to_uniform(values):
    """Returns the Kolmogorov-Smirnov statistic."""
    count = len(values)
    return np.abs(np.sort(values) - (np.arange(count) + 0.5) / count).max()


def farthest_from_uniform(spec, max_tilt, count=150):
    """Returns the largest statistic over classes, frames, positions, sizes and tilts."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for motions in spec.motions:
        states = []
        for _ in range(count):
            path = motion.draw(rng, motions, spec.num_frames, spec.min_radius)
            tilt = rng.uniform(-max_tilt, max_tilt) / (2 * np.pi)
            octaves = np.log2(path.radius / spec.min_radius)
            states.append([path.x, path.y, octaves, (tilt + path.turns + 0 * path.x) % 1])
        states = np.array(states)
        # Tilts are compared where any class turns.
        parts = range(3) if spec.name == "long" else range(4)
        for part in parts:
            for frame in (0, spec.num_frames // 2, spec.num_frames - 1):
                worst = max(worst, distance_to_uniform(states[:, part, frame]))
    return worst * np.sqrt(count)


@pytest.mark.parametrize("name", ["broad", "classes51", "long", "motions"])
def test_position_size_and_tilt_are_uniform_in_every_frame_of_every_class(name):
    """The worlds that are left out have the classes of the quickstart, see test_motion.py."""
    spec = read_spec(name)
    # p = 1e-5 for one comparison.
    assert farthest_from_uniform(spec, spec.max_tilt) < 2.5


def test_a_tilt_that_shows_a_turn_is_found():
    spec = read_spec("motions")
    assert farthest_from_uniform(spec, 0.25) > 4


def test_the_worlds_left_out_above_have_the_motions_of_the_quickstart():
    quickstart = read_spec("quickstart")
    same = [name for name in shipped() if read_spec(name).motions == quickstart.motions]
    compared = {"broad", "classes51", "long", "motions"}
    assert set(same) | compared == set(shipped())
    assert all(read_spec(name).num_frames == 8 for name in set(same) - compared)
