"""Claim: the stand-in is made of generated originals by the real generator and preparation."""

import collections
import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.studies import read_study
from albar_jax.synthesis import waterbirds
from albar_jax.toy import waterbirds_stand_in

ROOT = Path(__file__).parents[2]
TRAIN, TEST = 5, 4


def make(out, **options):
    waterbirds_stand_in.make(out, train=TRAIN, test=TEST, **options)
    return out


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    return make(tmp_path_factory.mktemp("stand_in"))


def digests(folder):
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and ".made" not in path.parts
    ]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_originals_lie_as_cub_and_places_do_and_become_the_true_layout(data_set):
    originals = data_set / "originals"
    files = [
        line.split()[1]
        for line in (originals / "CUB_200_2011" / "images.txt").read_text().splitlines()
    ]
    assert len(files) == 6 * (TRAIN + TEST)
    for file in files:
        assert (originals / "segmentations" / file).with_suffix(".png").exists()
        for folder in (waterbirds.FOLDER, waterbirds.BACKGROUNDS):
            assert (data_set / "pictures" / folder / file).exists()
    with open(data_set / "pictures" / waterbirds.FOLDER / "metadata.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert collections.Counter(row["y"] for row in rows) == {
        "0": 3 * (TRAIN + TEST),
        "1": 3 * (TRAIN + TEST),
    }
    assert collections.Counter(row["split"] for row in rows) == {"0": 24, "1": 6, "2": 6 * TEST}


def test_bright_things_are_in_the_scenery_too(data_set):
    for scenery in sorted((data_set / "originals" / "data_large").rglob("*.jpg"))[:10]:
        pixels = np.asarray(Image.open(scenery).convert("RGB")).max(axis=-1)
        # Backgrounds alone are darker than 0.55.
        assert 0.005 < (pixels > 200).mean() < 0.3


def test_the_same_seed_makes_the_same_bytes_and_keeps_existing_files(data_set, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in data_set.rglob("*.jpg")}
    again = digests(make(tmp_path / "again"))
    assert again == digests(make(data_set))
    assert before == {path: path.stat().st_mtime_ns for path in data_set.rglob("*.jpg")}
    other = digests(make(tmp_path / "other", seed=1))
    changed = {name for name in again if name.endswith(".jpg") and other[name] != again[name]}
    assert changed == {name for name in again if name.endswith(".jpg")}


def test_other_settings_in_the_same_folder_are_refused(data_set):
    with pytest.raises(UserError, match="was not made with these options; remove"):
        make(data_set, seed=5)


def test_the_command_lists_the_pictures_and_their_backgrounds_and_names_its_own_config(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        waterbirds_stand_in.make, "__kwdefaults__", {"seed": 0, "jobs": 1, "train": 5, "test": 4}
    )
    assert cli.call("toy", ["waterbirds", "--out", str(tmp_path), "--jobs", "1"]) == 0
    assert (
        f"--config waterbirds_stand_in --config.data.manifest={tmp_path}/manifest.csv"
        in capsys.readouterr().out
    )
    with open(tmp_path / "stills.csv", newline="") as file:
        stills = {row["id"]: row["path"] for row in csv.DictReader(file)}
    with open(tmp_path / "manifest.csv", newline="") as file:
        pictures = list(csv.DictReader(file))
    assert {row["id"] for row in pictures} == set(stills)
    assert all((tmp_path / path).exists() for path in stills.values())


def test_the_study_makes_the_pictures_of_its_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        waterbirds_stand_in.make, "__kwdefaults__", {"seed": 0, "jobs": 1, "train": 5, "test": 4}
    )
    study = read_study(str(ROOT / "configs" / "studies" / "waterbirds_stand_in.py"))
    config = study.cells[0].config(3, {})
    config.data.manifest = str(tmp_path / "seed3" / "manifest.csv")

    study.prepare(config)
    assert (tmp_path / "seed3" / "manifest.csv").exists()
    assert (tmp_path / "seed3" / "stills.csv").exists()
