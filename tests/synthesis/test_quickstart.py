"""The data set on disk: whole or absent, the same bytes for the same settings, readable by the manifest reader."""

import csv
import hashlib
import subprocess
import sys
import time

import av
import numpy as np
import pytest

from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.synthesis import motion, quickstart
from albar_jax.synthesis.composite import compose, to_bytes
from albar_jax.synthesis.encode import write_mjpeg
from albar_jax.synthesis.world import World, action_of, draw_mover

SMALL = {"seed": 5, "num_train": 16, "num_test": 24}
TABLES = ("scuba", "scufo", "conflfg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "deep" / "quickstart"
    assert quickstart.make(out, **SMALL, num_processes=1)
    return out


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def decode(path):
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def command(*arguments):
    return [sys.executable, "-m", "albar_jax.synthesis.quickstart", *map(str, arguments)]


def test_two_processes_make_the_same_bytes_as_one(folder, tmp_path):
    quickstart.make(tmp_path / "two", **SMALL, num_processes=2)
    assert hashes(tmp_path / "two") == hashes(folder)
    assert len(hashes(folder)) == 16 + 4 * 24 + 40 + 6


def test_another_seed_makes_other_clips(folder, tmp_path):
    quickstart.make(tmp_path / "other", **SMALL | {"seed": 6}, num_processes=1)
    ours, theirs = hashes(folder), hashes(tmp_path / "other")
    assert not [name for name in ours if name.startswith("videos") and ours[name] == theirs[name]]


def test_a_clip_can_be_made_again_alone(folder, tmp_path):
    world = World(5)
    for split, index in (("train", 11), ("test", 11)):
        write_mjpeg(
            tmp_path / "clip.avi",
            compose(*draw_mover(world.mover(split, index)), world.background(split, index)[1]),
        )
        kept = folder / "videos" / split / f"{split}_00011.avi"
        assert (tmp_path / "clip.avi").read_bytes() == kept.read_bytes()


def test_manifests_list_every_clip_with_its_action(folder):
    for split, count in (("train", 16), ("test", 24)):
        manifest = read_manifest(folder / "manifest.csv", classes=motion.ACTIONS, split=split)
        assert [motion.ACTIONS[label] for label in manifest.labels] == [action_of(i) for i in range(count)]
        assert decode(manifest.paths[0]).shape == (8, 32, 32, 3)
    test = read_manifest(folder / "manifest.csv", classes=motion.ACTIONS, split="test")
    for table in TABLES:
        benchmark = read_manifest(folder / f"quickstart_{table}.csv", classes=motion.ACTIONS, split="test")
        assert benchmark.ids == test.ids
        assert (benchmark.labels == test.labels).all()
        assert all(f"/videos/{table}/{name}.avi" in path for path, name in zip(benchmark.paths, test.ids, strict=True))


def test_scufo_file_shows_the_middle_frame_of_its_scuba_file(folder):
    for index in range(24):
        name = f"test_{index:05d}.avi"
        scuba, scufo = decode(folder / "videos/scuba" / name), decode(folder / "videos/scufo" / name)
        assert (scufo == scuba[4]).all()
        assert (scuba != scuba[4]).any()


def test_masks_are_the_movers_coverage(folder):
    for split, index in (("train", 3), ("test", 7)):
        with np.load(folder / "masks" / f"{split}_{index:05d}.npz", allow_pickle=False) as file:
            assert (file["masks"] == to_bytes(draw_mover(World(5).mover(split, index))[1])).all()


def test_metadata_records_what_was_drawn(folder):
    with open(folder / "metadata.csv", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    world, row = World(5), rows["test_00009"]
    assert row["background"] == world.background("test", 9)[0]
    assert row["sprite"] == world.mover("test", 9).sprite.family
    assert (row["scuba_background"], row["scufo_frame"]) == ("octaves", "4")
    assert rows[row["conflfg_donor"]]["label"] != row["label"]
    assert rows["train_00000"]["scuba_background"] == ""


def test_a_second_run_changes_nothing_and_other_settings_are_refused(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert not quickstart.make(folder, **SMALL)
    with pytest.raises(UserError, match=r"'seed': 5.*'seed': 7.*--out"):
        quickstart.make(folder, **SMALL | {"seed": 7})
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_what_is_not_a_quickstart_data_set_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for out in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(UserError, match="is no quickstart data set; give another --out"):
            quickstart.make(out, **SMALL)
    with pytest.raises(UserError, match="cannot make .* give an --out that can be written"):
        quickstart.make(tmp_path / "thesis.tex" / "below", **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ({"num_train": 7}, "--train is 7"),
        ({"num_test": 0}, "--test"),
        ({"seed": -1}, "--seed"),
        ({"bias": 1.5}, "--bias"),
    ],
)
def test_a_number_out_of_range_is_named(tmp_path, setting, flag):
    with pytest.raises(UserError, match=flag):
        quickstart.make(tmp_path / "out", **SMALL | setting)
    assert not list(tmp_path.iterdir())


def test_command_line_reports_a_mistake_in_one_sentence(tmp_path):
    result = subprocess.run(
        command("--out", tmp_path / "out", "--train", 3), capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == "error: --train is 3, but each of the 8 actions needs a clip; try 8\n"


def test_a_killed_run_leaves_no_data_set_and_the_next_one_makes_it_whole(folder, tmp_path):
    out = tmp_path / "quickstart"
    process = subprocess.Popen(command("--out", out, "--seed", 5), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*/videos/train/*.avi")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not out.exists()
    quickstart.make(out, **SMALL, num_processes=1)
    assert hashes(out) == hashes(folder)
