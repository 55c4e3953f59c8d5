"""Claim: HAT's sets are the same bytes from any number of processes, shards and runs.

Whatever cannot be used is named, before or after the work.
"""

import os
import shutil
import signal
import subprocess
import sys

import hat_world
import numpy as np
import pytest
import stand_ins
from test_runner import DYING

from albar_jax.data.manifest import read_manifest
from albar_jax.synthesis.hat.sets import SETS

VIDEOS = ["clip_0", "clip_1", "clip_2", "clip_3", "clip_5"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Makes all sets in one process, in the folder `first`. Returns the folder above."""
    root = tmp_path_factory.mktemp("hat")
    hat_world.make(root)
    assert hat_world.run(root, root / "first" / "my_hat") == 0
    return root


def test_each_set_has_a_manifest_a_contact_sheet_and_a_table_of_failures(root):
    for name in SETS:
        manifest = root / "first" / f"my_hat_{name}.csv"
        assert list(read_manifest(manifest).ids) == VIDEOS
        assert manifest.with_suffix(".png").stat().st_size > 1000
        failed = manifest.with_suffix(".failed.tsv").read_text().splitlines()
        assert len(failed) == 2
        assert failed[1].startswith(f"clip_{hat_world.LEFT_OUT}\t")
        assert "clip_4.npz does not exist" in failed[1]
    assert (root / "first" / "classes.txt").read_text() == "action0\naction1\n"


def test_shards_and_processes_do_not_change_any_byte(root, capsys):
    out = root / "sharded" / "my_hat"
    assert hat_world.run(root, out, "--shard", "2/2", "--jobs", 2) == 0
    assert "give this command again once all shards" in capsys.readouterr().out
    assert not list(out.parent.glob("*.csv"))
    assert hat_world.run(root, out, "--shard", "1/2") == 0
    assert not (out.parent / "my_hat_human.csv").exists()
    assert (out.parent / "my_hat_human").exists()
    assert not list(out.parent.glob("*.csv"))
    assert hat_world.run(root, out, "--shard", "2/2", "--jobs", 2, "--sets", "swap") == 0
    assert hat_world.run(root, out, "--shard", "2/2") == 0
    assert stand_ins.hashes(out.parent) == stand_ins.hashes(root / "first")


# The videos with masks have five scenes. The eighth file is a clip of the first set.
@pytest.mark.parametrize("files", [3, 8, 14])
def test_a_killed_run_resumes_to_the_same_bytes(root, tmp_path, files):
    dying = DYING.replace('".zip"', '(".zip", "clip_0.png", "clip_1.png", "clip_2.png")')
    (tmp_path / "dying.py").write_text(dying)
    out = root / f"killed_{files}" / "my_hat"
    words = ["--manifest", root / "manifest.csv", "--masks", f"npz:{root / 'masks'}"]
    words += ["--jobs", "1", "--out", out]
    command = [sys.executable, tmp_path / "dying.py", str(files), "hat", *words]
    run = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert run.returncode == -signal.SIGKILL
    assert list(out.parent.rglob(".*.tmp"))
    assert not out.with_name("my_hat_swap_far.csv").exists()
    assert hat_world.run(root, out) == 0
    assert stand_ins.hashes(out.parent) == stand_ins.hashes(root / "first")


def test_clips_and_scenes_that_were_removed_are_made_again(root):
    shutil.copytree(root / "first", root / "removed")
    for name in ("my_hat_scenes/clip_1.png", "my_hat_swap/clip_0.zip", "my_hat_human.csv"):
        (root / "removed" / name).unlink()
    assert hat_world.run(root, root / "removed" / "my_hat") == 0
    assert stand_ins.hashes(root / "removed") == stand_ins.hashes(root / "first")


def test_another_seed_gives_other_scenes_and_copies_differ(root, tmp_path):
    more = ("--seed", 1, "--copies", 3, "--sets", "swap", "human")
    assert hat_world.run(root, tmp_path / "my_hat", *more) == 0
    rows = stand_ins.read_csv(tmp_path / "my_hat_swap.csv")
    assert [row["id"] for row in rows] == [f"{v}__{k}" for v in VIDEOS for k in range(3)]
    for first in range(0, len(rows), 3):
        scenes = {row["scene"] for row in rows[first : first + 3]}
        # Two or three scenes are of another class.
        assert len(scenes) == (3 if rows[first]["label"] == "action0" else 2)
    assert not (tmp_path / "my_hat_background.csv").exists()
    one = {row["id"]: row["scene"] for row in stand_ins.read_csv(root / "first/my_hat_swap.csv")}
    assert one != {row["id"].removesuffix("__0"): row["scene"] for row in rows[::3]}


def test_masks_that_change_between_runs_are_refused(root, tmp_path, capsys):
    shutil.copytree(root / "masks", tmp_path / "masks")
    shutil.copytree(root / "videos", tmp_path / "videos")
    shutil.copy(root / "manifest.csv", tmp_path)
    assert hat_world.run(tmp_path, tmp_path / "my_hat", "--sets", "background") == 0
    # Now the last video has a scene, too.
    np.savez(tmp_path / "masks" / "clip_4.npz", masks=hat_world.masks(4))
    assert hat_world.run(tmp_path, tmp_path / "my_hat", "--sets", "background") == 2
    assert "my_hat_background was made with scenes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--copies", 0), "--copies is 0; give 1 or more"),
        (("--widen", -1), "--widen is -1; give 0 to 1,000 pixels"),
        (("--widen", 3), "my_hat_scenes was made with widen 4, not 3"),
        (("--format", "mp4"), "my_hat_human was made with format 'zip', not 'mp4'"),
        (("--seed", 5), "my_hat_swap was made with seed 0, not 5"),
        (("--true-masks", "npz:nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_named(root, capsys, more, message):
    assert hat_world.run(root, root / "first" / "my_hat", *more) == 2
    assert message in capsys.readouterr().err


def test_a_color_outside_of_the_range_is_named(root, capsys):
    with pytest.raises(SystemExit):
        hat_world.run(root, root / "first" / "my_hat", "--color", 0, 0, 256)
    assert "'256' is not a color value from 0 to 255" in capsys.readouterr().err


def test_videos_of_one_class_cannot_be_swapped(root, tmp_path, capsys):
    rows = stand_ins.read_csv(root / "manifest.csv")
    for row in rows:
        row["path"] = str(root / row["path"])
    manifest = stand_ins.write_csv(tmp_path / "manifest.csv", rows[::2])
    more = ("--manifest", manifest, "--out", tmp_path / "hat")
    assert hat_world.run(root, tmp_path / "hat", *more) == 2
    assert (
        "of the class 'action0', but a swap needs the scene of another" in capsys.readouterr().err
    )
    assert hat_world.run(root, tmp_path / "hat", *more, "--sets", "human", "background") == 0


def test_a_person_that_covers_everything_leaves_no_scene(root, tmp_path, capsys):
    shutil.copytree(root / "masks", tmp_path / "masks")
    np.savez(tmp_path / "masks" / "clip_0.npz", masks=np.ones((5, 48, 64), bool))
    more = ("--masks", f"npz:{tmp_path / 'masks'}", "--sets", "human", "swap")
    assert hat_world.run(root, tmp_path / "hat", *more) == 0
    failed = (tmp_path / "hat_swap.failed.tsv").read_text().splitlines()
    assert failed[1].startswith("clip_0\t")
    assert "clip_0" not in {row["scene"] for row in stand_ins.read_csv(tmp_path / "hat_swap.csv")}


def test_leakage_is_measured_against_better_masks(root, tmp_path, capsys):
    """The masks in use lack the first two rows of the person, and have two columns too many."""
    (tmp_path / "rough").mkdir()
    rough = {}
    for number in range(4):
        true = hat_world.masks(number)
        rough[number] = true.copy()
        first = int(np.flatnonzero(true.any(axis=(0, 2)))[0])
        rough[number][:, first : first + 2] = False
        rough[number][:, :, :2] = True
        np.savez(tmp_path / "rough" / f"clip_{number}.npz", masks=rough[number])

    more = ("--masks", f"npz:{tmp_path / 'rough'}", "--true-masks", f"npz:{root / 'masks'}")
    assert hat_world.run(root, tmp_path / "hat", *more, "--widen", 0, "--sets", "human") == 0
    rows = stand_ins.read_csv(tmp_path / "hat_leakage.csv")
    assert [row["id"] for row in rows] == [f"clip_{number}" for number in range(4)]
    for number, row in enumerate(rows):
        true, used = hat_world.masks(number), rough[number]
        wrong = (used & ~true).sum()
        figures = {
            "background_kept": wrong / (~true).sum(),
            "background_in_mask": wrong / used.sum(),
            "person_left": (true & ~used).sum() / true.sum(),
            "scene_removed": wrong / (~true).sum(),
        }
        for name, figure in figures.items():
            assert float(row[name]) == pytest.approx(figure, abs=1e-4), name
    assert "background-only clips keep" in capsys.readouterr().out


def test_widened_masks_leave_less_of_the_person(root, tmp_path):
    row = stand_ins.read_csv(root / "first" / "my_hat_leakage.csv")[0]
    assert float(row["left_if_narrow"]) == 0
    more = ("--widen", 0, "--sets", "human")
    assert hat_world.run(root, tmp_path / "hat", *more) == 0
    row = stand_ins.read_csv(tmp_path / "hat_leakage.csv")[0]
    assert 0.2 < float(row["left_if_narrow"]) < 0.6
