"""Claim: an appearance-free clip is noise that moves along the flow of its video, to the bit.

Its single frames are noise, in any way of making it; its manifest pairs it with its video.
"""

import os
import signal
import subprocess
import sys

import cv2
import layouts
import numpy as np
import pytest
import stand_ins
import test_runner

from albar_jax import cli
from albar_jax.data.decode import read_frames
from albar_jax.data.manifest import read_manifest
from albar_jax.synthesis.clip_writer import open_lossless_clip
from albar_jax.synthesis.draws import generator

HEIGHT, WIDTH, FRAMES = stand_ins.HEIGHT, stand_ins.WIDTH, stand_ins.FRAMES


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("afd")
    stand_ins.videos(root, 6)
    make(root, root / "first")
    return root


def make(root, out, *more):
    words = ("--manifest", root / "manifest.csv", "--jobs", 1, "--out", out / "mine_afd", *more)
    assert stand_ins.run("afd", *words) == 0
    return out / "mine_afd.csv"


def hashes(folder):
    names = ("mine_afd", "mine_afd.csv", "mine_afd.png", "mine_afd.noise.csv")
    return stand_ins.hashes(*(folder / name for name in names))


def flow_by_hand(earlier, later, grain):
    """Returns the flow in cells, (down, right)."""
    rows, columns = -(-HEIGHT // grain), -(-WIDTH // grain)
    # The shorter side has 128 pixels at least, and cells have whole numbers of pixels.
    times = min(8, int(np.ceil(128 / min(rows, columns))))
    gray = [
        cv2.resize(
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY),
            (times * columns, times * rows),
            interpolation=cv2.INTER_CUBIC,
        )
        for frame in (earlier, later)
    ]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    flow = dis.calc(*gray, np.zeros((times * rows, times * columns, 2), np.float32))
    cv2.setNumThreads(threads)
    means = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA) / np.float32(times)
    return means[..., [1, 0]]


def by_hand(frames, rng, grain, channels):
    """Returns the frames of a clip: a list of grains, moved one by one."""
    rows, columns = -(-HEIGHT // grain), -(-WIDTH // grain)
    colors = rng.integers(0, 256, (rows, columns, channels), np.uint8)
    # Cell -> color, position relative to the cell, age.
    grains = {
        (row, column): (colors[row, column], np.zeros(2, np.float32), 0)
        for row in range(rows)
        for column in range(columns)
    }
    shown = [colors]
    for earlier, later in zip(frames, frames[1:], strict=False):
        flow = flow_by_hand(earlier, later, grain)
        moved = {}
        for (row, column), (color, offset, age) in grains.items():
            travel = offset + flow[row, column]
            whole = np.floor(travel + np.float32(0.5))
            cell = row + int(whole[0]), column + int(whole[1])
            if not (0 <= cell[0] < rows and 0 <= cell[1] < columns):
                continue
            rank = age, (flow[row, column] ** 2).sum(), (row, column)
            if cell not in moved or rank > moved[cell][0]:
                moved[cell] = rank, (color, travel - whole, age + 1)
        empty = [(r, c) for r in range(rows) for c in range(columns) if (r, c) not in moved]
        new = rng.integers(0, 256, (len(empty), channels), np.uint8)
        grains = {
            **{
                cell: (color, np.zeros(2, np.float32), 0)
                for cell, color in zip(empty, new, strict=True)
            },
            **{cell: grain_of_cell for cell, (_, grain_of_cell) in moved.items()},
        }
        shown.append(
            np.array([[grains[r, c][0] for c in range(columns)] for r in range(rows)], np.uint8)
        )
    enlarged = np.stack(shown).repeat(grain, 1).repeat(grain, 2)[:, :HEIGHT, :WIDTH]
    return np.broadcast_to(enlarged, (len(frames), HEIGHT, WIDTH, 3))


@pytest.mark.parametrize(
    ("noise", "grain", "channels"), [("gray", None, 1), ("color", 2, 3), ("gray", 5, 1)]
)
def test_frames_equal_grains_moved_one_by_one(root, tmp_path, noise, grain, channels):
    more = ("--noise", noise, *(("--grain", grain) if grain else ()))
    manifest = make(root, tmp_path, "--seed", 3, *more)
    for seed in (0, 5):
        row = stand_ins.read_csv(manifest)[seed]
        frames = layouts.film(seed % 2, seed, FRAMES)
        rng = generator(3, "noise", row["id"])
        written = read_frames(manifest.parent / row["path"], range(FRAMES))
        assert (written == by_hand(frames, rng, grain or 1, channels)).all()
        assert (row["noise"], row["grain"], row["seed"]) == (noise, str(grain or 1), "3")


def test_the_noise_moves_as_the_video_does(root):
    """In most cells of a square that moves by two pixels the noise moves by two pixels."""
    row = stand_ins.read_csv(root / "first" / "mine_afd.csv")[0]
    film = layouts.film(0, 0, FRAMES)
    clip = read_frames(root / "first" / row["path"], range(FRAMES))[..., 0]
    square = (film == 240).all(-1)
    # It moves to the right.
    kept = clip[1:, :, 2:] == clip[:-1, :, :-2]
    assert kept[square[:-1, :, :-2]].mean() > 0.7
    assert (clip[1:] == clip[:-1])[~square[:-1] & ~square[1:]].mean() > 0.8


def test_manifest_pairs_a_clip_with_its_video(root):
    manifest = root / "first" / "mine_afd.csv"
    rows = stand_ins.read_csv(manifest)
    assert [row["id"] for row in rows] == list(read_manifest(root / "manifest.csv").ids)
    assert rows[1]["path"] == "mine_afd/clip_1.zip"
    assert (root / "first" / rows[1]["source"]).resolve() == root / "videos/action1/clip_1"
    assert rows[1]["label"] == "action1"
    assert rows[1]["frames"] == str(FRAMES)
    # A square of 10 x 10 pixels moves in frames of 48 x 64 pixels.
    assert 0.02 < float(rows[1]["moving"]) < 0.3
    assert 0 < float(rows[1]["renewed"]) < float(rows[1]["moving"])
    assert 0.5 < float(rows[1]["speed"]) < 4
    assert len(read_manifest(manifest)) == 6
    assert (manifest.parent / "classes.txt").read_text() == "action0\naction1\n"


def test_frames_are_png_images_without_time_or_loss(root):
    members = stand_ins.members(root / "first/mine_afd/clip_0.zip")
    assert list(members) == [f"frame{number:06}.png" for number in range(1, FRAMES + 1)]
    assert all(content.startswith(b"\x89PNG") for content in members.values())


def test_other_ways_of_making_it_give_the_same_bytes(root, tmp_path, capsys):
    make(root, root / "two", "--jobs", 2)
    assert hashes(root / "two") == hashes(root / "first")
    assert len(hashes(root / "first")) == 9

    for shard in ("2/2", "1/2"):
        assert not (root / "shards" / "mine_afd.csv").exists()
        make(root, root / "shards", "--shard", shard)
    assert hashes(root / "shards") == hashes(root / "first")
    assert capsys.readouterr().out.count("3 videos are left to other shards") == 1

    (root / "shards/mine_afd/clip_3.zip").unlink()
    make(root, root / "shards")
    assert hashes(root / "shards") == hashes(root / "first")

    other = hashes(make(root, tmp_path, "--seed", 1).parent)
    assert not [name for name in other if other[name] == hashes(root / "first").get(name)]


def test_a_killed_run_resumes_to_the_same_bytes(root, tmp_path):
    (tmp_path / "dying.py").write_text(test_runner.DYING)
    out = root / "killed" / "mine_afd"
    words = ["afd", "--manifest", root / "manifest.csv", "--jobs", "1", "--out", out]
    command = [sys.executable, tmp_path / "dying.py", "4", *words]
    run = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.getcwd()}, check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(list(out.glob("clip_*.zip"))) == 3
    make(root, out.parent)
    assert hashes(out.parent) == hashes(root / "first")


def test_the_summary_states_the_check(root, capsys):
    make(root, root / "first")
    output = capsys.readouterr().out
    assert "single frames are noise: one frame of each of 6 clips, 18,432 values" in output
    assert "in moving regions it would have found a variance that differs by" in output
    rows = stand_ins.read_csv(root / "first" / "mine_afd.noise.csv")
    assert len(rows) == 20
    assert max(abs(float(row["z"])) for row in rows if row["terms"] != "0") < 4


def test_a_set_whose_frames_show_the_motion_is_reported(root, capsys):
    """Noise is blurred where the video moves, as linear interpolation would do."""
    manifest = make(root, root / "leaky")
    for seed, row in enumerate(stand_ins.read_csv(manifest)):
        frames = read_frames(manifest.parent / row["path"], range(FRAMES))[..., :1]
        moving = (layouts.film(seed % 2, seed, FRAMES) == 240).all(-1)
        blurred = np.stack([cv2.blur(frame, (2, 1))[..., None] for frame in frames])
        with open_lossless_clip(manifest.parent / row["path"]) as add:
            add(np.where(moving[..., None], blurred, frames))
    make(root, root / "leaky")
    output = capsys.readouterr().out
    assert "warning: single frames are not noise: " in output
    assert "(moving" in output
    assert "single frames are noise:" not in output.split("warning")[1]


def test_grains_that_are_not_whole_are_refused(root, capsys):
    manifest = make(root, root / "grains", "--grain", 2)
    path = manifest.parent / stand_ins.read_csv(manifest)[2]["path"]
    frames = read_frames(path, range(FRAMES))
    frames[:, 0, 0] ^= 1
    with open_lossless_clip(path) as add:
        add(frames)
    words = ("--manifest", root / "manifest.csv", "--grain", 2, "--out", manifest.with_suffix(""))
    assert stand_ins.run("afd", *words, "--jobs", 1) == 2
    assert f"{path} is not noise of 2 x 2 pixels" in capsys.readouterr().err


def test_large_frames_have_larger_grains_unless_they_are_given():
    from albar_jax.synthesis.afd import AppearanceFree

    sizes = [(32, 32), (240, 320), (359, 500), (360, 640), (1080, 1920), (2160, 3840)]
    assert [AppearanceFree().grain_of(*size) for size in sizes] == [1, 1, 1, 2, 4, 9]
    assert AppearanceFree(grain=3).grain_of(1080, 1920) == 3
    assert AppearanceFree(grain=99).grain_of(32, 48) == 32


def test_videos_in_which_nothing_can_move_are_listed_or_counted(tmp_path, capsys):
    manifest = stand_ins.videos(tmp_path, 4)
    for path in sorted((tmp_path / "videos/action0/clip_0").iterdir())[1:]:
        path.unlink()
    still = np.repeat(layouts.film(1, 1, 1), FRAMES, 0)
    stand_ins.write_images(tmp_path / "videos/action1/clip_1", still)
    stand_ins.write_images(tmp_path / "videos/action0/clip_2", still[:, :1, :1])
    rows = stand_ins.read_csv(make(tmp_path, tmp_path))
    assert [row["id"] for row in rows] == ["action1/clip_1", "action1/clip_3"]
    assert (rows[0]["moving"], rows[0]["renewed"], rows[0]["speed"]) == (
        "0.0000",
        "0.0000",
        "0.000",
    )
    failures = (tmp_path / "mine_afd.failed.tsv").read_text()
    assert "it has one frame, so nothing moves" in failures
    assert "frames of 1 x 1 are too small for optical flow" in failures
    assert "note: in 1 clips hardly anything moves" in capsys.readouterr().out
    assert manifest.exists()


@pytest.mark.parametrize("grain", ["0", "-3"])
def test_a_grain_of_no_pixels_is_refused(root, tmp_path, capsys, grain):
    words = ["afd", "--manifest", root / "manifest.csv", "--out", tmp_path / "x", "--grain", grain]
    assert cli.call("synthesize", [str(word) for word in words]) == 2
    assert f"--grain is {grain}; give 1 pixel or more" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
