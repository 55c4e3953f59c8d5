"""Claim: splits, groups and pixels are group_DRO's, and the same bytes come out of every run."""

import collections
import contextlib
import csv
import os
import re
import shutil

import birds
import numpy as np
import pytest
import stand_ins
from PIL import Image

from albar_jax.data.decode import DecodeError
from albar_jax.synthesis import scenery, waterbirds
from albar_jax.synthesis.waterbirds import BACKGROUNDS, FOLDER
from albar_jax.synthesis.waterbirds_draw import draw


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("originals")


@pytest.fixture(scope="module")
def originals(root):
    return birds.make(root)


@pytest.fixture(scope="module")
def data_set(originals, root):
    make(originals, root / "first")
    return root / "first"


def make(originals, out, *more):
    return stand_ins.run("waterbirds", *originals, "--out", out, "--jobs", 1, *more)


def hashes(folder):
    return stand_ins.hashes(folder / FOLDER), stand_ins.hashes(folder / BACKGROUNDS)


def metadata(folder):
    with open(folder / FOLDER / "metadata.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_picture_of_cub_has_a_line_a_picture_and_a_background_of_the_same_size(
    data_set, root
):
    rows = metadata(data_set)
    assert [row["img_id"] for row in rows] == [str(n + 1) for n in range(40)]
    for row in rows:
        sizes = {
            Image.open(folder / row["img_filename"]).size
            for folder in (
                root / "CUB_200_2011" / "images",
                data_set / FOLDER,
                data_set / BACKGROUNDS,
            )
        }
        assert len(sizes) == 1


def test_splits_are_cubs_with_a_fifth_of_training_to_validate_on(data_set):
    rows = metadata(data_set)
    assert {row["img_id"] for row in rows if row["split"] == "2"} == {
        str(10 * species + copy + 1) for species in range(4) for copy in (7, 8, 9)
    }
    # 0.2 of 28 is 5.6.
    assert collections.Counter(row["split"] for row in rows) == {
        "0": 22,
        "1": 6,
        "2": 12,
    }


def test_a_towhee_is_no_tern(data_set):
    label = {row["img_filename"].split("/")[0]: row["y"] for row in metadata(data_set)}
    assert label == {
        "001.Black_footed_Albatross": "1",
        "002.Eastern_Towhee": "0",
        "003.Western_Gull": "1",
        "004.House_Sparrow": "0",
    }


def test_birds_are_at_home_in_training_and_anywhere_in_the_other_splits(tmp_path):
    cub, places = tmp_path / "cub", tmp_path / "places"
    names = ["001.House_Wren/{:04}.jpg", "002.Brown_Pelican/{:04}.jpg"]
    files = [name.format(i) for name in names for i in range(400)]
    cub.mkdir()
    (cub / "images.txt").write_text("".join(f"{n} {file}\n" for n, file in enumerate(files)))
    (cub / "train_test_split.txt").write_text(
        "".join(f"{n} {int(n % 400 < 300)}\n" for n in range(800))
    )
    for folder in birds.SCENES:
        (places / folder).mkdir(parents=True)
        for copy in range(250):
            (places / folder / f"{copy}.jpg").touch()
    pictures = draw(cub, places, seed=0)
    count = collections.Counter((p.split, p.label, p.place) for p in pictures)
    for label in (0, 1):
        trained = count[0, label, 0] + count[0, label, 1]
        assert count[0, label, label] == round(0.95 * trained)
        for split, size in ((1, 300 - trained), (2, 100)):
            assert abs(count[split, label, 0] - size / 2) <= 0.5
    scenes = [p.place_file for p in pictures]
    assert len(set(scenes)) == 800
    assert all((p.place_file.split("/")[0] in "ol") == p.place for p in pictures)
    assert len({p.place_file.rpartition("/")[0] for p in pictures}) == 4
    assert draw(cub, places, seed=1) != pictures


def test_a_pixel_is_the_bird_where_the_segmentation_is_white_and_the_scenery_where_it_is_black():
    rng = np.random.default_rng(0)
    bird, scene = rng.integers(0, 256, (2, 9, 7, 3), np.uint8)
    share = np.repeat(rng.integers(0, 256, (9, 7, 1), np.uint8), 3, axis=2)
    share[:2], share[2:4] = 0, 255
    picture_made = scenery.paste(bird, share, scene)
    np.testing.assert_array_equal(picture_made[:2], scene[:2])
    np.testing.assert_array_equal(picture_made[2:4], bird[2:4])
    weight = share / 255.0
    published = np.around(bird * weight).astype(int) + np.around(scene * (1 - weight)).astype(int)
    np.testing.assert_array_equal(picture_made, published)
    bright = np.full((9, 7, 3), 255, np.uint8)
    # No sum overflows.
    assert (scenery.paste(bright, share, bright) == 255).all()


@pytest.mark.parametrize(
    ("source", "box", "enlarged"),
    [
        # A wide picture is cropped at left and right.
        ((80, 40), (20, 0, 60, 40), None),
        # A tall picture is cropped at top and bottom.
        ((40, 80), (0, 20, 40, 60), None),
        # A narrow picture is enlarged to the width first.
        ((10, 40), (0, 30, 20, 50), (20, 80)),
        # A low picture is enlarged to the height.
        ((40, 10), (30, 0, 50, 20), (80, 20)),
        ((10, 10), (0, 0, 20, 20), (20, 20)),
    ],
)
def test_scenery_is_cut_from_the_middle_and_keeps_its_shape(source, box, enlarged):
    picture = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (*source[::-1], 3), np.uint8)
    )
    whole = picture.resize(enlarged, Image.Resampling.LANCZOS) if enlarged else picture
    expected = whole.crop(box).resize((20, 20), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(
        np.asarray(scenery.cover(picture, (20, 20))), np.asarray(expected)
    )


def test_scenery_of_the_same_shape_is_enlarged_where_the_published_code_stops():
    # Not 122.
    assert int(61 / 7 * 14) == 121
    # Not 61.
    assert int(122 / 14 * 7) == 60
    assert scenery.cover(Image.new("RGB", (7, 14)), (61, 122)).size == (61, 122)


def test_the_pictures_are_bird_scenery_and_segmentation_put_together(data_set, root):
    row = metadata(data_set)[12]
    file = row["img_filename"]
    bird = Image.open(root / "CUB_200_2011" / "images" / file)
    scene = scenery.cover(Image.open(root / "data_large" / row["place_filename"][1:]), bird.size)
    share = Image.open((root / "segmentations" / file).with_suffix(".png")).convert("RGB")
    pasted = scenery.paste(*map(np.asarray, (bird, share, scene)))
    for folder, expected in ((FOLDER, pasted), (BACKGROUNDS, np.asarray(scene))):
        picture_made = np.asarray(Image.open(data_set / folder / file)).astype(int)
        # Loss of JPEG.
        assert np.abs(picture_made - expected).mean() < 8
    assert np.abs(pasted.astype(int) - np.asarray(scene)).mean() > 8


def test_two_processes_and_shards_make_the_same_bytes_and_another_seed_does_not(
    originals, data_set, root
):
    make(originals, root / "two", "--jobs", 2)
    assert hashes(root / "two") == hashes(data_set)
    for shard in ("2/2", "1/2"):
        assert not (root / "shards" / FOLDER / "metadata.csv").exists()
        make(originals, root / "shards", "--shard", shard)
    assert hashes(root / "shards") == hashes(data_set)
    make(originals, root / "other", "--seed", 1)
    assert hashes(root / "other") != hashes(data_set)


def test_a_stopped_run_resumes(originals, data_set, root):
    shutil.copytree(data_set, root / "half")
    file = metadata(data_set)[3]["img_filename"]
    (root / "half" / BACKGROUNDS / file).unlink()
    (root / "half" / FOLDER / "metadata.csv").unlink()
    untouched = root / "half" / FOLDER / metadata(data_set)[4]["img_filename"]
    before = untouched.stat().st_mtime_ns
    make(originals, root / "half")
    assert hashes(root / "half") == hashes(data_set)
    assert untouched.stat().st_mtime_ns == before


def test_a_metadata_file_determines_everything_including_wrong_labels(originals, data_set, root):
    rows = metadata(data_set)
    # A towhee, as published.
    rows[10]["y"] = "1"
    given = stand_ins.write_csv(root / "published.csv", rows)
    make(originals, root / "given", "--metadata", given)
    assert metadata(root / "given") == rows
    (before, scenes), (after, scenes_after) = hashes(data_set), hashes(root / "given")
    assert {name for name in before if before[name] != after[name]} == {"metadata.csv"}
    assert scenes == scenes_after


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (
            "segmentations/001.Black_footed_Albatross/Black_footed_Albatross_0003.png",
            "1 of 40 images cannot be made",
        ),
        ("CUB_200_2011/train_test_split.txt", "cannot read .*train_test_split.txt"),
        (
            "data_large/o/ocean",
            "images need a scene of water, but there are 5 in o/ocean and l/lake/natural",
        ),
    ],
)
def test_a_missing_input_is_one_sentence(originals, root, tmp_path, capsys, broken, sentence):
    for name in ("CUB_200_2011", "segmentations", "data_large"):
        shutil.copytree(root / name, tmp_path / name)
    path = tmp_path / broken
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for scene in (
        list((tmp_path / "data_large" / "l").rglob("*.jpg"))[5:] if "ocean" in broken else []
    ):
        scene.unlink()
    moved = [tmp_path / word.name if hasattr(word, "name") else word for word in originals]
    assert make(moved, tmp_path / "out") == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_pictures_without_a_bird_are_counted(tmp_path, capsys):
    """Pictures with an empty segmentation are counted.

    They show only scenery, but have the label of a bird.
    """
    originals = birds.make(tmp_path)
    for path in sorted((tmp_path / "segmentations").rglob("*.png"))[:3]:
        with Image.open(path) as image:
            blank = Image.new(image.mode, image.size)
        blank.save(path)
    assert make(originals, tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "note: by their segmentations 3 images show less than 0.2 % of a bird" in printed
    # Again, with everything made already.
    assert make(originals, tmp_path / "out") == 0
    assert "3 images show less" in capsys.readouterr().out


def test_a_picture_in_postscript_runs_no_interpreter(tmp_path, monkeypatch):
    """Without a list of formats, Pillow runs the program gs on PostScript."""
    trace = tmp_path / "trace"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {trace}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    picture = tmp_path / "bird.jpg"
    Image.new("RGB", (8, 8)).save(picture, "EPS")
    with Image.open(picture) as opened, contextlib.suppress(OSError):
        opened.load()
    assert trace.exists()
    trace.unlink()

    with pytest.raises(DecodeError, match="bird.jpg"):
        waterbirds._read(str(picture))
    assert not trace.exists()
