"""Reads Waterbirds: birds of CUB in front of other scenery, listed in a metadata.csv.

    waterbird_complete95_forest2water2/metadata.csv
                     img_id,img_filename,y,split,place,place_filename
    waterbird_complete95_forest2water2/001.Black_footed_Albatross/...jpg
    backgrounds/001.Black_footed_Albatross/...jpg
                     with --backgrounds: the same scenery without the bird

The four groups of the test split are also written, as OUT/waterbirds_landbird_on_water.csv and so
on. With --backgrounds, OUT/stills.csv lists the background of each image by its id. Backgrounds
are not published; `albar synthesize waterbirds --metadata` makes them for any metadata.csv.

https://github.com/kohpangwei/group_DRO
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from albar_jax.data.labels import some
from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import (
    DataSet,
    Item,
    Listing,
    check_folder,
    locate,
    read_csv,
    stem,
)
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
_WATERBIRD_NAMES = """
    albatross auklet cormorant frigatebird fulmar gull jaeger kittiwake pelican puffin tern gadwall
    grebe mallard merganser guillemot pacific_loon
"""
_WATERBIRDS = tuple(_WATERBIRD_NAMES.split())
# Maximum number of species that a sentence names.
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Picture:
    """A row of metadata.csv.

    Attributes:
      number: number of the image in CUB.
      file: path of the image in CUB.
      label: index of CLASSES.
      split: index of SPLITS.
      place: index of PLACES.
      place_file: path of the scenery in Places365.
    """

    number: int
    file: str
    label: int
    split: int
    place: int
    place_file: str


def species(file: str) -> str:
    """Returns the species of an image of CUB.

    Args:
      file: path of the image, for example "021.Eastern_Towhee/Eastern_Towhee_0001_22314.jpg".

    Returns:
      The name of its folder in lower case without the number, for example "eastern_towhee".
    """
    return file.split("/")[0].partition(".")[2].lower()


def is_waterbird(file: str) -> bool:
    """Returns whether an image of CUB shows a seabird or waterfowl.

    Compares whole words of the species' name. The published program compares any part of the name.
    So it mistook three landbirds for terns: the Eastern Towhee, the Western Meadowlark and the
    Western Wood Pewee.

    Args:
      file: path of the image.
    """
    return any(f"_{name}_" in f"_{species(file)}_" for name in _WATERBIRDS)


def read_metadata(path: Path) -> list[Picture]:
    """Reads a metadata.csv, by group_DRO or by this project.

    Args:
      path: path of the file.

    Raises:
      UserError: the file is malformed, lists an image twice, or lists none.
    """
    pictures: dict[str, Picture] = {}
    for where, row in read_csv(path):
        picture = _picture(where, row, path)
        if pictures.setdefault(picture.file, picture) is not picture:
            raise UserError(f"{where} lists {picture.file} a second time; keep one of the lines")
    if not pictures:
        raise UserError(f"{path} lists no images")
    return list(pictures.values())


def read(videos: Path, *, backgrounds: Path | None = None) -> dict[str, Listing]:
    """Lists the whole data set and the groups of its test split.

    Args:
      videos: folder of the images, with metadata.csv.
      backgrounds: folder of the backgrounds; None writes no stills.csv.

    Returns:
      A listing for each group. The last one, "manifest", is the whole data set.

    Raises:
      UserError: metadata.csv is missing or malformed, no image exists, or a background is
        missing.
    """
    check_folder("--videos", videos)
    if not (videos / METADATA).is_file():
        raise UserError(
            f"--videos {videos} holds no {METADATA}; give waterbird_complete95_forest2water2"
        )

    # The id of an image is its path without suffix.
    pictures = {stem(picture.file): picture for picture in read_metadata(videos / METADATA)}
    items = []
    for name, picture in pictures.items():
        items.append(Item(picture.file, CLASSES[picture.label], SPLITS[picture.split], name))
    # Missing images are reported, like missing videos.
    existing, missing = locate(items, videos)

    stills = _stills(existing, pictures, backgrounds) if backgrounds else {}
    notes = _notes(pictures.values())
    if not stills:
        notes.append("without --backgrounds there is no stills.csv, which ALBAR needs here")

    listings = _test_groups(existing, pictures)
    listings["manifest"] = Listing(existing, CLASSES, missing, notes, _PUBLISHED, stills)
    return listings


def _picture(where: str, row: Mapping[str, str], path: Path) -> Picture:
    """Parses a row of metadata.csv."""
    if lacking := [name for name in COLUMNS if name not in row]:
        raise UserError(f"{path} has no column {lacking[0]}; give the {METADATA} of Waterbirds")

    indices = []
    for name, choices in (("y", CLASSES), ("split", SPLITS), ("place", PLACES)):
        index = whole(row[name])
        if index is None or index not in range(len(choices)):
            raise UserError(
                f"{where} has {name} {row[name]!r}; it is 0 to {len(choices) - 1}, "
                f"{', '.join(choices)}"
            )
        indices.append(index)

    number = whole(row["img_id"])
    if number is None or number < 0 or not row["img_filename"]:
        raise UserError(f"{where} lacks the number or the name of its image")

    label, split, place = indices
    # Published names of places begin with a slash, but are relative to data_large.
    place_file = row["place_filename"].lstrip("/")
    return Picture(number, row["img_filename"], label, split, place, place_file)


def _test_groups(items: Sequence[Item], pictures: Mapping[str, Picture]) -> dict[str, Listing]:
    """Returns the groups of the test split, by task, sorted."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.split == "test":
            place = PLACES[pictures[item.id].place]
            groups.setdefault(f"waterbirds_{item.label}_on_{place}", []).append(item)
    return {task: Listing(group, CLASSES) for task, group in sorted(groups.items())}


def _stills(
    items: Sequence[Item], pictures: Mapping[str, Picture], backgrounds: Path
) -> dict[str, str]:
    """Returns the path of each image's background, by id. Raises UserError if one is missing."""
    check_folder("--backgrounds", backgrounds)
    folder = Folder(backgrounds)

    path_of = {}
    missing = []
    for item in items:
        path = folder.find(pictures[item.id].file)
        if path is None:
            missing.append(item.id)
        else:
            path_of[item.id] = path
    if missing:
        raise UserError(
            f"{len(missing)} of {len(items)} images have no background under {backgrounds}, "
            f"{missing[0]} first; `albar synthesize waterbirds` makes them"
        )
    return path_of


def _notes(pictures: Iterable[Picture]) -> list[str]:
    """Describes the counts of each group, and labels that contradict the species."""
    count = collections.Counter()
    mistaken = []
    for picture in pictures:
        count[picture.split, picture.label, picture.place] += 1
        # The published labels have such mistakes.
        if picture.label != is_waterbird(picture.file):
            mistaken.append(picture.file)

    notes = []
    for split, split_name in enumerate(SPLITS):
        # The bias of a split shows in the counts of its four groups.
        groups = []
        for label, label_name in enumerate(CLASSES):
            for place, place_name in enumerate(PLACES):
                groups.append(f"{count[split, label, place]:,} {label_name}s on {place_name}")
        notes.append(f"{split_name}: {', '.join(groups)}")

    if mistaken:
        names = sorted({species(file) for file in mistaken})
        notes.append(
            f"{len(mistaken)} images have another label than their species: "
            f"{some(names, _MOST_NAMED)}"
        )
    return notes


DATASET = DataSet(
    title="Waterbirds",
    read=read,
    options={
        "--backgrounds": options.path("DIR", "the scenery of each image, under the same name")
    },
    config="waterbirds",
    num_classes=2,
)
