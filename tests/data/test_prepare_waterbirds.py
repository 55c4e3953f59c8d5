"""Claim: group_DRO's folder becomes a manifest, a list of backgrounds and a manifest per group.

The groups are those of the test split.
"""

import collections
import re
from pathlib import Path

import numpy as np
import pytest
from layouts import rows_of
from PIL import Image

from albar_jax.data.clip_reader import ClipSpec, read_clip
from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.waterbirds import is_waterbird

GROUPS = ("landbird_on_land", "landbird_on_water", "waterbird_on_land", "waterbird_on_water")
BIRDS = ("042.House_Wren/House_Wren_{:04}_1.jpg", "100.Brown_Pelican/Brown_Pelican_{:04}_9.jpg")


def make(root: Path, towhee: str = "0") -> list[str]:
    """Makes the published folder and backgrounds.

    Returns the arguments that read them, except --out.
    """
    videos, backgrounds = root / "waterbird_complete95_forest2water2", root / "backgrounds"
    # Each kind has 4 pictures in each split, 2 at each place.
    rows = [
        (BIRDS[label].format(copy), label, copy % 3, copy % 2)
        for label in (0, 1)
        for copy in range(12)
    ]
    rows.append(("021.Eastern_Towhee/Eastern_Towhee_0001_2.jpg", towhee, 0, 0))
    lines = ["img_id,img_filename,y,split,place,place_filename\n"]
    for number, (file, label, split, place) in enumerate(rows, start=1):
        lines.append(f"{number},{file},{label},{split},{place},/o/ocean/{number:08}.jpg\n")
        for folder, shade in ((videos, 200), (backgrounds, 50)):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((30, 40, 3), shade, np.uint8)).save(folder / file)
    (videos / "metadata.csv").write_text("".join(lines))
    return ["waterbirds", "--videos", str(videos), "--backgrounds", str(backgrounds)]


def test_splits_and_labels_come_from_the_metadata_and_groups_from_the_test_split(prepare, tmp_path):
    status, text = prepare(make(tmp_path))
    assert status == 0
    whole = rows_of(tmp_path / "out" / "manifest.csv")
    assert collections.Counter((row["split"], row["label"]) for row in whole) == {
        **{
            (split, bird): 4
            for split in ("train", "val", "test")
            for bird in ("landbird", "waterbird")
        },
        ("train", "landbird"): 5,
    }
    assert (tmp_path / "out" / "classes.txt").read_text() == "landbird\nwaterbird\n"
    tested = {row["id"] for row in whole if row["split"] == "test"}
    ids = []
    for group in GROUPS:
        manifest = read_manifest(tmp_path / "out" / f"waterbirds_{group}.csv")
        assert len(manifest) == 2
        assert {manifest.classes[label] for label in manifest.labels} == {group.split("_")[0]}
        assert {int(name.split("_")[-2]) % 2 for name in manifest.ids} == {
            int(group.endswith("water"))
        }
        ids += manifest.ids
    assert sorted(ids) == sorted(tested)
    assert (
        "train: 3 landbirds on land, 2 landbirds on water, 2 waterbirds on land, "
        "2 waterbirds on water" in text
    )
    assert "--config waterbirds" in text


def test_every_picture_has_its_own_background_as_a_still(prepare, tmp_path):
    prepare(make(tmp_path))
    pictures = {row["id"]: row["path"] for row in rows_of(tmp_path / "out" / "manifest.csv")}
    stills = rows_of(tmp_path / "out" / "stills.csv")
    assert [still["id"] for still in stills] == list(pictures)
    spec = ClipSpec(num_frames=1, stride=1, size=16, short_side=16, augment="none")
    for still in stills[:3]:
        assert still["frame"] == "0"
        assert still["path"] == pictures[still["id"]].replace(
            "waterbird_complete95_forest2water2", "backgrounds"
        )
        pixels = read_clip(str(tmp_path / "out" / still["path"]), spec, np.random.default_rng(0))
        assert (pixels == 50).all()


def test_without_backgrounds_there_are_no_stills_and_it_says_so(prepare, tmp_path):
    status, text = prepare(make(tmp_path)[:3])
    assert status == 0
    assert not (tmp_path / "out" / "stills.csv").exists()
    assert "without --backgrounds there is no stills.csv" in text


def test_a_species_among_the_wrong_birds_is_noted(prepare, tmp_path):
    assert "labelled otherwise" not in prepare(make(tmp_path / "right"))[1]
    _, text = prepare(make(tmp_path / "wrong", towhee="1"))
    assert "note: 1 images have another label than their species: eastern_towhee" in text


@pytest.mark.parametrize(
    ("species", "expected"),
    [
        *(
            ("Artic_Tern", True),
            ("Pacific_Loon", True),
            ("Frigatebird", True),
            ("Western_Grebe", True),
        ),
        *(("Eastern_Towhee", False), ("Western_Meadowlark", False), ("Western_Wood_Pewee", False)),
        *(("Belted_Kingfisher", False), ("House_Sparrow", False)),
    ],
)
def test_seabirds_and_waterfowl_are_recognised_by_whole_words(species, expected):
    assert is_waterbird(f"007.{species}/{species}_0001_5.jpg") == expected


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("img_filename,y", "img_filename,label", "has no column y"),
        ("_9.jpg,1,2,0", "_9.jpg,1,3,0", "line 16 of .* has split '3'; it is 0 to 2"),
        ("_9.jpg,1,2,0", "_9.jpg,bird,2,0", "has y 'bird'; it is 0 to 1, landbird, waterbird"),
    ],
)
def test_a_mistake_in_the_metadata_is_one_sentence(prepare, tmp_path, before, after, sentence):
    arguments = make(tmp_path)
    file = Path(arguments[2]) / "metadata.csv"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after, 1))
    status, text = prepare(arguments)
    assert status == 2
    assert re.search(sentence, text), text


def test_a_missing_input_is_one_sentence(prepare, tmp_path):
    arguments = make(tmp_path)
    (tmp_path / "backgrounds" / BIRDS[0].format(3)).unlink()
    assert "1 of 25 images have no background under" in prepare(arguments)[1]
    assert (
        "holds no metadata.csv"
        in prepare(["waterbirds", "--videos", str(tmp_path / "backgrounds")])[1]
    )
    (Path(arguments[2]) / BIRDS[0].format(3)).unlink()
    assert "--skip-missing" in prepare(arguments)[1]
    assert prepare([*arguments, "--skip-missing"])[0] == 0
