"""Claim: the data set on disk is complete or absent, and its manifest can be read.

The same settings give the same bytes.
"""

import collections
import csv
import hashlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from albar_jax.data.decode import open_video
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.studies.runs import alone
from albar_jax.synthesis import sets
from albar_jax.synthesis.background_source import open_backgrounds
from albar_jax.synthesis.composite import to_bytes
from albar_jax.toy import quickstart
from albar_jax.toy.clips import draw_clip, draw_mover
from albar_jax.toy.encode import write_mjpeg
from albar_jax.toy.world import World

WORLD = World(5)
SMALL = {"seed": 5, "num_train": 16, "num_test": 24}
SCUBA, SCUFO, CONFLFG = TABLES = ("quickstart_scuba", "quickstart_scufo", "quickstart_conflfg")
# Mean loss by compression over a clip of 256 levels.
LOSS = 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "deep" / "quickstart"
    assert quickstart.make(out, **SMALL, num_processes=1)
    return out


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def decode(path):
    with open_video(str(path)) as video:
        return video.read(range(len(video))).astype(int)


def table(folder, name):
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def masks_of(folder, clip):
    with np.load(folder / "masks" / f"{clip}.npz", allow_pickle=False) as file:
        return file["masks"]


def command(*arguments):
    return [sys.executable, "-m", "albar_jax", "toy", "quickstart", *map(str, arguments)]


def test_two_processes_make_the_same_bytes_as_one(folder, tmp_path):
    quickstart.make(tmp_path / "two", **SMALL, num_processes=2)
    assert hashes(tmp_path / "two") == hashes(folder)
    videos, masks, pictures, clips = 40, 40, 24, 3 * 24
    assert len(hashes(folder)) == videos + masks + pictures + clips + 3 * len((".csv", ".png")) + 5


def test_another_seed_makes_other_clips(folder, tmp_path):
    quickstart.make(tmp_path / "other", **SMALL | {"seed": 6}, num_processes=1)
    ours, theirs = hashes(folder), hashes(tmp_path / "other")
    assert not [name for name in ours if name.startswith("videos") and ours[name] == theirs[name]]


def test_a_clip_can_be_made_again_alone(folder, tmp_path):
    world = WORLD
    for split, index in (("train", 11), ("test", 11)):
        write_mjpeg(tmp_path / "clip.avi", draw_clip(world, split, index).frames)
        stored = folder / "videos" / split / f"{split}_00011.avi"
        assert (tmp_path / "clip.avi").read_bytes() == stored.read_bytes()


def test_manifests_list_every_clip_with_its_action(folder):
    for split, count in (("train", 16), ("test", 24)):
        manifest = read_manifest(folder / "manifest.csv", classes=WORLD.spec.classes, split=split)
        assert [WORLD.spec.classes[label] for label in manifest.labels] == [
            WORLD.action(i) for i in range(count)
        ]
        assert decode(manifest.paths[0]).shape == (8, 32, 32, 3)


def test_clips_of_all_test_sets_are_joined_by_the_id_and_the_action_of_their_test_clip(folder):
    test = read_manifest(folder / "manifest.csv", classes=WORLD.spec.classes, split="test")
    for name in TABLES:
        benchmark = read_manifest(folder / f"{name}.csv", classes=WORLD.spec.classes)
        assert benchmark.ids == tuple(f"{clip}__0" for clip in test.ids)
        assert (benchmark.labels == test.labels).all()
        assert not (folder / f"{name}.failed.tsv").exists()


def test_a_scuba_clip_is_the_mover_before_the_picture_that_its_manifest_names(folder):
    for row in table(folder, SCUBA):
        picture = np.asarray(Image.open(folder / "backgrounds" / row["background"]), int)
        mask = masks_of(folder, row["id"].removesuffix("__0"))
        by_hand = np.where(mask[..., None], decode(folder / row["source"]), picture)
        assert np.abs(decode(folder / row["path"]) - by_hand).mean() < LOSS


def test_a_still_is_one_frame_of_its_scuba_clip(folder):
    for row in table(folder, SCUFO):
        still, clip = decode(folder / row["path"]), decode(folder / row["source"])
        assert len(still) == 1
        assert np.abs(still[0] - clip[int(row["frame"])]).mean() < LOSS
    assert len({row["frame"] for row in table(folder, SCUFO)}) > 4


def test_in_a_conflfg_clip_the_mover_of_another_action_stands_still(folder):
    label_of = {row["id"]: row["label"] for row in table(folder, "manifest")}
    for row in table(folder, CONFLFG):
        assert row["donor_label"] == label_of[row["donor"]] != row["label"]
        assert float(row["visible"]) > 0.5
        clip, scuba = decode(folder / row["path"]), decode(folder / row["source"])
        mask = masks_of(folder, row["id"].removesuffix("__0"))
        # No part of the mover is hidden.
        assert np.abs(clip - scuba)[mask].mean() < 2 * LOSS
        added = (np.abs(clip - scuba).max(axis=-1) > 100) & ~mask
        always = added.sum(axis=0) + mask.sum(axis=0) == 8
        assert (added.any(axis=0) & always).sum() > 0.8 * added.any(axis=0).sum()
        assert added.any()


def test_new_backgrounds_tell_nothing_of_the_action(folder):
    pictures = open_backgrounds(str(folder / "backgrounds"))
    kinds = collections.Counter()
    for index in range(320):
        kinds[
            WORLD.action(index), pictures.draw(5, f"test_{index:05d}", 0)[0].partition("_")[0]
        ] += 1
    assert len(kinds) == 16
    assert max(abs(count - 20) for count in kinds.values()) < 4 * np.sqrt(40 / 4)


def test_masks_are_the_pixels_that_are_more_mover_than_scenery(folder):
    for split, index in (("train", 3), ("test", 7)):
        coverage = draw_mover(WORLD.mover(split, index), 32)[1]
        mask = masks_of(folder, f"{split}_{index:05d}")
        assert mask.dtype == bool
        assert (mask == (coverage >= 0.5)).all()
        assert coverage[mask].mean() > 0.9


def test_masks_are_found_wherever_the_data_set_is_moved(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert (
        "24 videos measured"
        in sets.leakage(moved / f"{SCUBA}.csv", masks=None, true_masks=None, jobs=1)[-1]
    )


def test_metadata_and_scenes_record_what_was_drawn(folder):
    rows = {row["id"]: row for row in table(folder, "metadata")}
    world = WORLD
    assert rows["test_00009"]["background"] == world.background("test", 9)[0]
    assert rows["test_00009"]["sprite"] == world.mover("test", 9).sprite.family.name
    scenes = {
        row.pop("id"): [int(share) for share in row.values()] for row in table(folder, "scenes")
    }
    assert list(scenes) == [f"train_{index:05d}" for index in range(16)]
    for name, shares in scenes.items():
        assert [
            int(family.name == rows[name]["background"]) for family in WORLD.spec.backgrounds
        ] == shares


def test_a_second_run_changes_nothing_and_other_settings_are_refused(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert not quickstart.make(folder, **SMALL)
    with pytest.raises(UserError, match=r"'seed': 5.*'seed': 7.*--out"):
        quickstart.make(folder, **SMALL | {"seed": 7})
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_it_is_made_by_a_caller_that_keeps_other_processes_away(tmp_path):
    with alone(tmp_path / "made"):
        assert quickstart.make(
            tmp_path / "made", **SMALL | {"num_train": 8, "num_test": 8}, num_processes=1
        )
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for out in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(
            UserError, match="is not a data set of the world quickstart; give another --out"
        ):
            quickstart.make(out, **SMALL)
    with pytest.raises(
        UserError, match="cannot make .*: .*; choose an --out that you can write to"
    ):
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
        command("--out", tmp_path / "out", "--train", 3),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == "error: --train is 3, but each of the 8 classes needs a clip; try 8\n"


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


def test_the_quickstart_is_what_it_was_before_worlds_were_files(folder):
    """The digests are from commit 869ae95, which had no specifications."""
    pixels = hashlib.sha256()
    for split in ("train", "test"):
        for index in range(8):
            clip = draw_clip(WORLD, split, index)
            pixels.update(clip.frames.tobytes())
            pixels.update((clip.mask >= 0.5).tobytes())
    for index in range(4):
        pixels.update(to_bytes(WORLD.novel_background(index)[1]).tobytes())
    assert pixels.hexdigest()[:16] == "628143f362ade7d1"

    tables = hashlib.sha256()
    for name in ("manifest.csv", "scenes.csv", "metadata.csv", "dataset.json"):
        tables.update((folder / name).read_bytes())
    assert tables.hexdigest()[:16] == "8b105afb1c0a6234"
