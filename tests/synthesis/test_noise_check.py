"""Claim: the check passes true noise, and finds all common ways in which noise shows a motion."""

import io

import av
import cv2
import layouts
import numpy as np
import pytest
import stand_ins
from PIL import Image

from albar_jax.synthesis import noise_check
from albar_jax.synthesis.carried_noise import CarriedNoise, move

SHAPE = HEIGHT, WIDTH = 72, 96
CLIPS = 12


def flow_of(seed: int) -> np.ndarray:
    """Returns a flow: a disk that moves and grows over still scenery."""
    down, right = np.indices(SHAPE, np.float32)
    down, right = down - 30 - seed, right - 40 - 2 * seed
    disk = (down**2 + right**2 < 20**2)[..., None]
    return disk * np.stack([0.15 * down + 0.8, 0.15 * right + 1.7], -1)


def step_of(flow):
    """Returns the moves of noise that is new in the frame before."""
    return move(np.zeros((*SHAPE, 2), np.float32), np.zeros(SHAPE, int), flow)


def honest(rng, flow):
    noise = CarriedNoise(rng, SHAPE, 1)
    frames = [noise.colors]
    for _ in range(4):
        noise.advance(flow)
        frames.append(noise.colors)
    return np.stack(frames)


def backward(rng, flow, interpolation):
    """Carries noise as common programs do: each pixel looks up where it came from."""
    down, right = np.indices(SHAPE, np.float32)
    frames = [rng.integers(0, 256, SHAPE, np.uint8)]
    for _ in range(4):
        x, y = right - flow[..., 1], down - flow[..., 0]
        frames.append(cv2.remap(frames[-1], x, y, interpolation, borderMode=cv2.BORDER_REFLECT))
    return np.stack(frames)[..., None]


def ghost(rng, flow):
    """Leaves the old noise where the disk uncovers the scenery."""
    frames = [rng.integers(0, 256, SHAPE, np.uint8)]
    for _ in range(4):
        step = step_of(flow)
        moved = frames[-1].ravel()[step.source]
        frames.append(np.where(step.is_new, frames[-1], moved))
    return np.stack(frames)[..., None]


def darker(rng, flow):
    """Draws new noise from another distribution."""
    frames = honest(rng, flow)
    new = step_of(flow).is_new
    frames[:, new] = frames[:, new] // 2
    return frames


def h264(rng, flow, folder):
    path = folder / "clip.mp4"
    layouts.write_film(path, honest(rng, flow).repeat(3, -1), "libx264", crf="28")
    with av.open(str(path)) as film:
        return np.stack([f.to_ndarray(format="gray") for f in film.decode(video=0)])[..., None]


def jpeg(rng, flow):
    decoded = [
        np.asarray(Image.open(io.BytesIO(stand_ins.jpeg(frame.repeat(3, -1)))))[..., :1]
        for frame in honest(rng, flow)
    ]
    return np.stack(decoded)


VARIANTS = {
    "bilinear": lambda rng, flow, _: backward(rng, flow, cv2.INTER_LINEAR),
    "nearest, copied": lambda rng, flow, _: backward(rng, flow, cv2.INTER_NEAREST),
    "ghost": lambda rng, flow, _: ghost(rng, flow),
    "darker": lambda rng, flow, _: darker(rng, flow),
    "h264": h264,
    "jpeg": lambda rng, flow, _: jpeg(rng, flow),
}


def findings(make, folder):
    tallies = []
    for seed in range(CLIPS):
        frames = make(np.random.default_rng(seed), flow_of(seed), folder)
        moving = step_of(flow_of(seed)).is_moving
        tallies.append(noise_check.tally(frames[4], moving))
    return noise_check.findings(noise_check.add(tallies))


def test_noise_that_is_carried_here_passes(tmp_path):
    result = findings(lambda rng, flow, _: honest(rng, flow), tmp_path)
    assert noise_check.p_value(result) > 0.01
    # All statistics were tested.
    assert sum(finding.terms > 0 for finding in result) == 20


@pytest.mark.parametrize("name", VARIANTS)
def test_leaks_are_found(name, tmp_path):
    result = findings(VARIANTS[name], tmp_path)
    assert noise_check.p_value(result) < 1e-6
    difference = [f for f in result if " - " in f.region]
    # JPEG changes all noise in the same way, so it does not show where something moves.
    assert (noise_check.p_value(difference) < 1e-6) == (name != "jpeg")


def test_z_scores_of_true_noise_have_variance_1():
    """The z-scores of 300 sets of one frame, with a region of any shape."""
    rng = np.random.default_rng(0)
    moving = rng.random((40, 60)) < 0.5
    scores = {}
    for _ in range(300):
        noise = rng.integers(0, 256, (40, 60, 3), np.uint8)
        for finding in noise_check.findings(noise_check.tally(noise, moving)):
            scores.setdefault((finding.statistic, finding.region), []).append(finding.z)
    for key, values in scores.items():
        assert abs(np.mean(values)) < 4 / np.sqrt(300), key
        assert 0.7 < np.var(values) < 1.35, key


def test_sums_by_hand():
    colors = np.array([[[7], [7], [255]], [[0], [7], [3]]], np.uint8)
    moving = np.array([[True, False, False], [False, False, False]])
    tally = noise_check.tally(colors, moving)
    scaled = (colors[..., 0] - 127.5) / np.sqrt((256**2 - 1) / 12)
    assert tally.terms["mean", "moving"] == pytest.approx((1, scaled[0, 0]))
    assert tally.terms["right", "moving"] == pytest.approx((1, scaled[0, 0] * scaled[0, 1]))
    assert tally.terms["right", "still"][0] == 3
    assert tally.terms["down", "still"] == pytest.approx(
        (2, scaled[0, 1] * scaled[1, 1] + scaled[0, 2] * scaled[1, 2])
    )
    assert tally.terms["diagonal", "moving"] == pytest.approx((1, scaled[0, 0] * scaled[1, 1]))
    # Of the 15 pairs of cells, 5 have the moving one; three cells are equal.
    assert tally.terms["repeats", "moving"] == (5, 2)
    assert tally.terms["repeats", "still"] == (10, 1)
    assert tally.counts["moving"][7] == 1
    assert tally.counts["still"][7] == 2


def test_too_few_cells_are_no_test():
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 1), np.uint8)
    result = noise_check.findings(noise_check.tally(noise, np.zeros((8, 8), bool)))
    assert not any(finding.terms for finding in result)
    assert noise_check.p_value(result) == 1
    # A column of cells has no right neighbors.
    noise_check.tally(noise[:, :1], np.zeros((8, 1), bool))
