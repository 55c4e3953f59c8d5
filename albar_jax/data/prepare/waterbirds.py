"""Waterbirds: pictures of birds in CUB's subfolders before other scenery, and the metadata.csv that says which.

    waterbird_complete95_forest2water2/metadata.csv   img_id,img_filename,y,split,place,place_filename
    waterbird_complete95_forest2water2/001.Black_footed_Albatross/...jpg
    backgrounds/001.Black_footed_Albatross/...jpg     with --backgrounds: the same scenery without the bird

Writes the four groups of the test split, too, as OUT/waterbirds_landbird_on_water.csv and so on, and with --backgrounds
OUT/stills.csv, which has the background of each picture by its id. Backgrounds are not published;
`albar synthesize waterbirds --metadata` makes those of a metadata.csv, published or not.

https://github.com/kohpangwei/group_DRO
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from albar_jax.data.prepare.base import Item, Layout, Listing, check_folder, locate, read_csv, stem
from albar_jax.data.prepare.disk import Folder
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole

CLASSES = ("landbird", "waterbird")
PLACES = ("land", "water")
SPLITS = ("train", "val", "test")
METADATA = "metadata.csv"
COLUMNS = ("img_id", "img_filename", "y", "split", "place", "place_filename")

_PUBLISHED = {"train": 4795, "val": 1199, "test": 5794}
# Seabirds and waterfowl: group_DRO's list, by the names of CUB's families.
_WATERBIRDS = (
    *(
        "albatross",
        "auklet",
        "cormorant",
        "frigatebird",
        "fulmar",
        "gull",
        "jaeger",
        "kittiwake",
        "pelican",
        "puffin",
    ),
    *("tern", "gadwall", "grebe", "mallard", "merganser", "guillemot", "pacific_loon"),
)
_NAMED = 3  # species in a sentence


@dataclasses.dataclass(frozen=True)
class Picture:
    """A line of metadata.csv; `label`, `split` and `place` are numbers of CLASSES, SPLITS and PLACES."""

    number: int
    file: str
    label: int
    split: int
    place: int
    place_file: str


def species(file: str) -> str:
    """Returns the species of a picture of CUB: `eastern_towhee` of 021.Eastern_Towhee/Eastern_Towhee_0001_22314.jpg."""
    return file.split("/")[0].partition(".")[2].lower()


def is_waterbird(file: str) -> bool:
    """Tells whether the species of a picture of CUB is a seabird or waterfowl, by a whole word of its name.

    The published generator asks for any part of the name, so that three landbirds, the Eastern Towhee, the Western
    Meadowlark and the Western Wood Pewee, became terns.
    """
    return any(f"_{name}_" in f"_{species(file)}_" for name in _WATERBIRDS)


def read_metadata(path: Path) -> list[Picture]:
    """Reads a metadata.csv, group_DRO's or ours; raises UserError for a mistake in it."""
    pictures: dict[str, Picture] = {}
    for where, row in read_csv(path):
        picture = _picture(where, row, path)
        if pictures.setdefault(picture.file, picture) is not picture:
            raise UserError(f"{where} lists {picture.file} a second time; keep one of the lines")
    if not pictures:
        raise UserError(f"{path} lists no pictures")
    return list(pictures.values())


def _picture(where: str, row: Mapping[str, str], path: Path) -> Picture:
    if lacking := [name for name in COLUMNS if name not in row]:
        raise UserError(f"{path} has no column {lacking[0]}; give the {METADATA} of Waterbirds")
    numbers = []
    for name, choices in (("y", CLASSES), ("split", SPLITS), ("place", PLACES)):
        numbers.append(whole(row[name]))
        if numbers[-1] not in range(len(choices)):
            raise UserError(
                f"{where} has {name} {row[name]!r}; it is 0 to {len(choices) - 1}, {', '.join(choices)}"
            )
    number = whole(row["img_id"])
    if number is None or number < 0 or not row["img_filename"]:
        raise UserError(f"{where} lacks the number or the name of its picture")
    # Without the slash in front: published names of places are absolute within data_large.
    return Picture(number, row["img_filename"], *numbers, row["place_filename"].lstrip("/"))


def read(videos: Path, *, backgrounds: Path | None = None) -> dict[str, Listing]:
    """Lists the groups of the test split, and the whole set under the name of its manifest."""
    check_folder("--videos", videos)
    if not (videos / METADATA).is_file():
        raise UserError(
            f"--videos {videos} holds no {METADATA}; give waterbird_complete95_forest2water2"
        )
    pictures = {stem(picture.file): picture for picture in read_metadata(videos / METADATA)}
    items = [
        Item(picture.file, CLASSES[picture.label], SPLITS[picture.split], name)
        for name, picture in pictures.items()
    ]
    there, missing = locate(items, videos)
    groups: dict[str, list[Item]] = {}
    for item in there:
        if item.split == "test":
            place = PLACES[pictures[item.id].place]
            groups.setdefault(f"waterbirds_{item.label}_on_{place}", []).append(item)
    stills = _stills(there, pictures, backgrounds) if backgrounds else {}
    notes = _notes(pictures.values())
    if not stills:
        notes.append("without --backgrounds there is no stills.csv, which ALBAR needs here")
    whole = Listing(there, CLASSES, missing, notes, _PUBLISHED, stills)
    return {name: Listing(found, CLASSES) for name, found in sorted(groups.items())} | {
        "manifest": whole
    }


def _stills(
    items: Sequence[Item], pictures: Mapping[str, Picture], backgrounds: Path
) -> dict[str, str]:
    check_folder("--backgrounds", backgrounds)
    folder = Folder(backgrounds)
    found = {item.id: folder.find(pictures[item.id].file) for item in items}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(found)} pictures have no background under {backgrounds}, {missing[0]} first; "
            "`albar synthesize waterbirds` makes them"
        )
    return found


def _notes(pictures: Sequence[Picture]) -> list[str]:
    count = collections.Counter(
        (picture.split, picture.label, picture.place) for picture in pictures
    )
    notes = [
        f"{split}: "
        + ", ".join(
            f"{count[number, label, place]:,} {name}s on {where}"
            for label, name in enumerate(CLASSES)
            for place, where in enumerate(PLACES)
        )
        for number, split in enumerate(SPLITS)
    ]
    mistaken = [picture.file for picture in pictures if picture.label != is_waterbird(picture.file)]
    if mistaken:
        names = sorted({species(file) for file in mistaken})
        named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        notes.append(f"{len(mistaken)} pictures are labelled otherwise than their species: {named}")
    return notes


LAYOUT = Layout(
    title="Waterbirds",
    read=read,
    options={
        "--backgrounds": {
            "type": Path,
            "metavar": "DIR",
            "help": "the scenery of each picture, under the same name",
        }
    },
    config="waterbirds",
    num_classes=2,
)
