"""Waterbirds: birds of CUB before scenery of Places365, as group_DRO makes them, and the same scenery without the bird.

    OUT/waterbird_complete95_forest2water2/metadata.csv   img_id,img_filename,y,split,place,place_filename
    OUT/waterbird_complete95_forest2water2/001.Black_footed_Albatross/...jpg
    OUT/backgrounds/001.Black_footed_Albatross/...jpg     the same scenery without the bird, which ALBAR needs

The splits are CUB's, with a fifth of its training pictures to validate on. In training 95 % of the landbirds are before
land and 95 % of the waterbirds before water, in the other splits half of each. (generate_waterbirds.py of
https://github.com/kohpangwei/group_DRO) Other than there, the draws depend on --seed alone, not on the order in which a
folder is listed; and landbirds with "tern" in their names, such as the Eastern Towhee, are no waterbirds. With
--metadata nothing is drawn: the published metadata.csv gives the published set, mistaken labels and all.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from albar_jax.data.decode import DecodeError
from albar_jax.data.pictures import open_picture
from albar_jax.data.prepare.base import check_folder, read_lines
from albar_jax.data.prepare.waterbirds import (
    COLUMNS,
    METADATA,
    PLACES,
    SPLITS,
    Picture,
    is_waterbird,
    read_metadata,
)
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.masks.base import is_there
from albar_jax.storage import access
from albar_jax.storage.csv_files import whole
from albar_jax.storage.inside import joined, parts_of
from albar_jax.storage.temporary import remove_leftovers
from albar_jax.synthesis import scenery
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.journal import Row
from albar_jax.synthesis.plan import Clip, Unit
from albar_jax.synthesis.runner import advance, write_table
from albar_jax.synthesis.shares import ACTOR, percent

FOLDER, BACKGROUNDS = "waterbird_complete95_forest2water2", "backgrounds"
SCENES = {
    "land": ("b/bamboo_forest", "f/forest/broadleaf"),
    "water": ("o/ocean", "l/lake/natural"),
}  # in data_large
VALIDATION = 0.2  # of CUB's training pictures
_MOST_IMAGES = 10**9
STRENGTH = 0.95  # share of the training birds of a kind that are where such birds live


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where the originals are: CUB_200_2011, its segmentations, and data_large of Places365."""

    cub: Path
    segmentations: Path
    places: Path


def make(
    sources: Sources,
    out: Path,
    *,
    seed: int = 0,
    metadata: Path | None = None,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
) -> list[str]:
    """Makes all pictures of a shard, and metadata.csv once they are there; returns lines that say what there is.

    Raises:
      UserError: something is missing, cannot be read, or `out` holds other pictures.
    """
    for flag, folder in (
        ("--cub", sources.cub),
        ("--segmentations", sources.segmentations),
        ("--places", sources.places),
    ):
        check_folder(flag, folder)
    pictures = read_metadata(metadata) if metadata else draw(sources.cub, sources.places, seed)
    rows = [_row(picture) for picture in pictures]
    scenes = {picture.file: picture.place_file for picture in pictures}
    maker = Pairs(sources, scenes, None if metadata else seed, _digest(rows))
    progress = advance(
        maker, [_unit(sources, picture) for picture in pictures], out, jobs=jobs, shard=shard
    )
    if progress.failed:
        name, reason = next(iter(progress.failed.items()))
        raise UserError(
            f"{len(progress.failed)} of {len(pictures)} pictures cannot be made, {name} first: {reason}"
        )
    table = out / FOLDER / METADATA
    if progress.unmade:
        return [f"{progress.unmade} pictures are left to other shards; the last one writes {table}"]
    remove_leftovers(out)
    write_table(table, rows)
    lines = [f"{table}: {len(pictures):,} pictures, and their backgrounds in {out / BACKGROUNDS}"]
    # Records of older versions lack the area.
    areas = [float(rows[-1].get("area", 1)) for rows in progress.made.values()]
    if few := sum(area < ACTOR for area in areas):
        lines.append(
            f"note: by their segmentations {few:,} pictures show less than {percent(ACTOR)} of a bird"
        )
    return lines


def draw(cub: Path, places: Path, seed: int) -> list[Picture]:
    """Draws what to make of each picture of CUB, in the order of its images.txt; raises UserError."""
    files, trains = (_read_table(cub / name) for name in ("images.txt", "train_test_split.txt"))
    if lacking := sorted(set(files) - set(trains)):
        raise UserError(
            f"{cub / 'train_test_split.txt'} does not say of which split picture {lacking[0]} is"
        )
    train, val, test = range(len(SPLITS))
    if odd := [word for word in trains.values() if whole(word) not in (0, 1)]:
        raise UserError(
            f"{cub / 'train_test_split.txt'} has the split {odd[0]!r}; it is 0 to test on or 1 to train on"
        )
    split = {number: train if whole(trains[number]) == 1 else test for number in files}
    trained = [number for number in files if split[number] == train]
    split |= dict.fromkeys(_choose(generator(seed, "validation"), trained, VALIDATION), val)
    label = {number: int(is_waterbird(file)) for number, file in files.items()}
    place = dict.fromkeys(files, PLACES.index("land"))
    for part, share in ((train, STRENGTH), (val, 0.5), (test, 0.5)):
        for kind, in_water in enumerate((1 - share, share)):
            alike = [number for number in files if (split[number], label[number]) == (part, kind)]
            rng = generator(seed, "place", SPLITS[part], str(kind))
            place |= dict.fromkeys(_choose(rng, alike, in_water), PLACES.index("water"))
    scene = _assign_scenes(place, places, seed)
    return [Picture(n, file, label[n], split[n], place[n], scene[n]) for n, file in files.items()]


def _read_table(path: Path) -> dict[int, str]:
    """Reads CUB's lists: a number and a word on each line."""
    rows = [(where, *line.partition(" ")[::2]) for where, line in read_lines(path)]
    for where, number, word in rows:
        if whole(number) not in range(_MOST_IMAGES) or not word:
            raise UserError(f"{where} is not a number and a word; give CUB_200_2011 as --cub")
    return {whole(number): word.strip() for _, number, word in rows}


def _choose(rng: np.random.Generator, numbers: Sequence[int], share: float) -> list[int]:
    return (
        rng.choice(numbers, size=round(share * len(numbers)), replace=False).tolist()
        if numbers
        else []
    )


def _assign_scenes(place: Mapping[int, int], places: Path, seed: int) -> dict[int, str]:
    """Gives every picture a scene of its own, of its place."""
    scene = {}
    for kind, name in enumerate(PLACES):
        found = [
            f"{folder}/{file.name}"
            for folder in SCENES[name]
            for file in sorted((places / folder).glob("*.jpg"))
        ]
        wanted = [number for number, where in place.items() if where == kind]
        if len(found) < len(wanted):
            raise UserError(
                f"{len(wanted)} pictures need a scene of {name}, but there are {len(found)} in "
                f"{' and '.join(SCENES[name])} of --places {places}; give data_large of Places365"
            )
        order = generator(seed, "scenes", name).permutation(len(found))
        scene |= {number: found[index] for number, index in zip(wanted, order, strict=False)}
    return scene


def _unit(sources: Sources, picture: Picture) -> Unit:
    """The background, and the picture before it, as the production of clips knows them."""
    source = str(sources.cub / "images" / picture.file)
    clips = (
        Clip(f"{folder}/{picture.file}", f"{folder}/{picture.file}", "", source)
        for folder in (BACKGROUNDS, FOLDER)
    )
    return Unit(picture.file, source, tuple(clips))


def _row(picture: Picture) -> Row:
    """A line of metadata.csv; published names of places begin with a slash."""
    *found, place_file = dataclasses.astuple(picture)
    return dict(zip(COLUMNS, (*found, f"/{place_file}"), strict=True))


def _digest(rows: Sequence[Row]) -> str:
    return hashlib.sha256(repr([list(row.values()) for row in rows]).encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Makes the background and the picture of each bird; `scenes` says which scene goes with which picture of CUB."""

    sources: Sources
    scenes: Mapping[str, str]
    seed: int | None
    digest: str
    kind = "waterbirds"

    def settings(self) -> Mapping[str, Any]:
        """See production.Maker."""
        return {"seed": self.seed, "pictures": self.digest}

    def make(self, unit: Unit, folder: Path) -> list[Row]:
        """Writes both; see production.Maker. The same originals and versions of Pillow make the same bytes."""
        bird = _read(unit.video)
        path = _joined(self.sources.segmentations, unit.id).with_suffix(".png")
        if not is_there(path, self.sources.segmentations):
            raise DecodeError(f"its segmentation {path} is not there")
        segmentation = _read(str(path))
        if segmentation.size != bird.size:
            raise DecodeError(
                f"its segmentation has {segmentation.size} pixels, it has {bird.size}"
            )
        scene = scenery.cover(
            _read(str(_joined(self.sources.places, self.scenes[unit.id]))), bird.size
        )
        whole = Image.fromarray(scenery.paste(*map(np.asarray, (bird, segmentation, scene))))
        for clip, image in zip(unit.clips, (scene, whole), strict=True):
            with replacing(folder / clip.file) as temporary:
                image.save(temporary, "JPEG")  # of quality 75, Pillow's and so the published one
        area = {"area": f"{np.asarray(segmentation).mean() / 255:.6f}"}
        return [{"id": clip.id} | area for clip in unit.clips]


def _joined(folder: Path, file: str) -> Path:
    try:
        return joined(folder, *parts_of(file))
    except UserError as error:
        raise DecodeError(str(error)) from error


def _read(path: str) -> Image.Image:
    try:
        # Some formats of Pillow run programs, such as Ghostscript for PostScript.
        with access.StoredFile(path) as file, open_picture(file, ("JPEG", "PNG")) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise DecodeError(f"{path}: {error}") from error
