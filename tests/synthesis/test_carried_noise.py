"""Claim: noise carried along any flow remains pure noise in every single frame, and still moves."""

import numpy as np
import pytest

from albar_jax.synthesis.carried_noise import CarriedNoise, move


def flows():
    """Yields flows with meetings, gaps and exits, float32 (12, 16, 2)."""
    down, right = np.moveaxis(np.indices((12, 16), np.float32), 0, 0) - 6
    yield "still", np.zeros((12, 16, 2), np.float32)
    yield "growing", 0.3 * np.stack([down, right], -1)
    yield "shrinking", -0.4 * np.stack([down, right], -1)
    yield "shear", np.stack([0 * down, 0.7 * down], -1)
    yield "to one point", -np.stack([down, right], -1)
    yield "out of the frame", np.full((12, 16, 2), 40, np.float32)
    yield "wild", np.random.default_rng(0).normal(0, 4, (12, 16, 2)).astype(np.float32)


def by_hand(offset, age, flow):
    """Returns the source of each cell, found with a loop over grains."""
    rows, columns, _ = flow.shape
    winner, source = {}, np.full((rows, columns), -1)
    for row in range(rows):
        for column in range(columns):
            target = np.float32([row, column]) + offset[row, column] + flow[row, column]
            cell = tuple(int(np.floor(x + np.float32(0.5))) for x in target)
            if not (0 <= cell[0] < rows and 0 <= cell[1] < columns):
                continue
            rank = age[row, column], (flow[row, column] ** 2).sum()
            if rank >= winner.get(cell, (-1, -1)):
                winner[cell], source[cell] = rank, row * columns + column
    return source


@pytest.mark.parametrize(("name", "flow"), list(flows()))
def test_grains_move_as_a_loop_over_grains_says_and_none_is_copied(name, flow):
    rng = np.random.default_rng(1)
    offset = rng.uniform(-0.5, 0.5, flow.shape).astype(np.float32)
    age = rng.integers(0, 3, flow.shape[:2])
    step = move(offset, age, flow)
    assert (step.source == by_hand(offset, age, flow)).all()
    old = step.source[~step.is_new]
    assert len(old) == len(set(old))
    assert (step.offset[step.is_new] == 0).all()
    assert np.abs(step.offset).max() <= 0.5


def test_small_motions_add_up():
    noise = CarriedNoise(np.random.default_rng(0), (8, 20), 3)
    first = noise.colors
    for _ in range(10):
        step = noise.advance(np.broadcast_to(np.float32([0, 0.3]), (8, 20, 2)))
    assert (noise.colors[:, 3:] == first[:, :-3]).all()
    assert not (noise.colors[:, :3] == first[:, -3:]).any(-1).all()
    assert not step.is_new[:, 3:].any()


def test_a_fast_grain_hides_a_slow_one_and_an_old_grain_a_new_one():
    flow = np.zeros((1, 6, 2), np.float32)
    flow[0, 1] = 0, 2
    age = np.zeros((1, 6), int)
    assert move(np.zeros_like(flow), age, flow).source.tolist() == [[0, -1, 2, 1, 4, 5]]
    age[0, 3] = 1
    assert move(np.zeros_like(flow), age, flow).source.tolist() == [[0, -1, 2, 3, 4, 5]]


def test_every_frame_holds_each_color_as_often_as_chance_says():
    """All pairs of neighbors of 4,000 small frames, after a flow that grows and shrinks."""
    down, right = np.indices((3, 3), np.float32) - 1
    growing = 0.6 * np.stack([down, right], -1)
    rng = np.random.default_rng(0)
    colors = []
    for _ in range(4000):
        noise = CarriedNoise(rng, (3, 3), 1)
        for flow in (growing, -growing, growing):
            noise.advance(flow)
        colors.append(noise.colors[..., 0] // 64)
    colors = np.stack(colors).reshape(4000, 9)
    # Of each two cells, each of the 16 pairs of values is as frequent as the others.
    for one in range(9):
        for other in range(one):
            counts = np.bincount(4 * colors[:, one] + colors[:, other], minlength=16)
            chi_square = ((counts - 250) ** 2 / 250).sum()
            # The probability of more is 1e-5, and there are 36 pairs.
            assert chi_square < 49


def test_the_flow_alone_decides_which_grains_survive():
    flow = dict(flows())["wild"]
    runs = [CarriedNoise(np.random.default_rng(seed), (12, 16), 1) for seed in (1, 2)]
    for _ in range(3):
        one, other = (noise.advance(flow) for noise in runs)
        assert (one.source == other.source).all()
