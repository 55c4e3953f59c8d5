"""Makes Waterbirds as group_DRO does: birds of CUB in front of scenery of Places365.

    OUT/waterbird_complete95_forest2water2/metadata.csv
                     img_id,img_filename,y,split,place,place_filename
    OUT/waterbird_complete95_forest2water2/001.Black_footed_Albatross/...jpg
    OUT/backgrounds/001.Black_footed_Albatross/...jpg
                     the same scenery without the bird, which ALBAR needs

CUB defines the splits; a fifth of its training images becomes the validation split. In training,
95 % of the landbirds are in front of land and 95 % of the waterbirds in front of water. In the
other splits it is half of each.
(generate_waterbirds.py of https://github.com/kohpangwei/group_DRO)

There are two differences to the published program. The draws depend on --seed alone, not on the
order in which the system lists a folder. Landbirds with "tern" in their names, such as the Eastern
Towhee, are not waterbirds. With --metadata nothing is drawn: the published metadata.csv gives the
published set with its wrong labels.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from albar_jax.data.decode import DecodeError
from albar_jax.data.pictures import PICTURE_ERRORS, open_picture
from albar_jax.data.prepare.base import check_folder
from albar_jax.data.prepare.waterbirds import COLUMNS, METADATA, Picture, read_metadata
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.masks.base import exists_in
from albar_jax.storage import access
from albar_jax.storage.inside import joined, parts_of
from albar_jax.storage.journal import Row
from albar_jax.storage.temporary import remove_leftovers
from albar_jax.synthesis import scenery
from albar_jax.synthesis.clip_list import Clip, SourceVideo
from albar_jax.synthesis.runner import Progress, make_missing_clips, write_table
from albar_jax.synthesis.shares import ACTOR, percent
from albar_jax.synthesis.waterbirds_draw import draw

FOLDER = "waterbird_complete95_forest2water2"
BACKGROUNDS = "backgrounds"


@dataclasses.dataclass(frozen=True)
class Sources:
    """The folders of the originals.

    Attributes:
      cub: CUB_200_2011.
      segmentations: segmentations of CUB.
      places: data_large of Places365.
    """

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
    """Makes the missing images of a shard, and metadata.csv if all other shards are done.

    Args:
      sources: folders of the originals.
      out: folder for the data set.
      seed: random seed of the draws.
      metadata: a metadata.csv that determines the images; None draws them.
      jobs: number of processes.
      shard: (i, n) for the i-th of n shards, from 1.

    Returns:
      Lines that describe the data set for the user.

    Raises:
      UserError: an original is missing or cannot be read, or `out` holds other images.
    """
    check_folder("--cub", sources.cub)
    check_folder("--segmentations", sources.segmentations)
    check_folder("--places", sources.places)

    # A given metadata.csv determines everything, including its mistakes.
    pictures = read_metadata(metadata) if metadata else draw(sources.cub, sources.places, seed)

    rows = []
    birds = []
    scenes = {}
    for picture in pictures:
        rows.append(_metadata_row(picture))
        birds.append(_source(sources, picture))
        scenes[picture.file] = picture.place_file

    maker = Pairs(sources, scenes, None if metadata else seed, _digest(rows))
    progress = make_missing_clips(maker, birds, out, jobs=jobs, shard=shard)
    return _finish(progress, rows, out)


def _finish(progress: Progress, rows: Sequence[Row], out: Path) -> list[str]:
    """Writes metadata.csv if no image is unmade, and returns lines for the user."""
    if progress.failed:
        name, reason = next(iter(progress.failed.items()))
        raise UserError(
            f"{len(progress.failed)} of {len(rows)} images cannot be made, {name} first: {reason}"
        )

    table = out / FOLDER / METADATA
    if progress.unmade:
        return [f"{progress.unmade} images are left to other shards; the last one writes {table}"]

    remove_leftovers(out)
    write_table(table, rows)
    lines = [f"{table}: {len(rows):,} images, and their backgrounds in {out / BACKGROUNDS}"]

    # Records of older versions lack the area.
    areas = [float(recorded[-1].get("area", 1)) for recorded in progress.rows.values()]
    if few := sum(area < ACTOR for area in areas):
        lines.append(
            f"note: by their segmentations {few:,} images show less than {percent(ACTOR)} of a bird"
        )
    return lines


def _source(sources: Sources, picture: Picture) -> SourceVideo:
    """Returns a bird with its two images: the background, and the bird in front of it."""
    path = str(sources.cub / "images" / picture.file)
    clips = []
    # Background and image are made together, so that no image lacks its background.
    for folder in (BACKGROUNDS, FOLDER):
        file = f"{folder}/{picture.file}"
        clips.append(Clip(file, file, "", path))
    return SourceVideo(picture.file, path, tuple(clips))


def _metadata_row(picture: Picture) -> Row:
    """Returns the row of metadata.csv. Published place names begin with a slash."""
    *values, place_file = dataclasses.astuple(picture)
    return dict(zip(COLUMNS, (*values, f"/{place_file}"), strict=True))


def _digest(rows: Sequence[Row]) -> str:
    values = repr([list(row.values()) for row in rows])
    return hashlib.sha256(values.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Pairs:
    """A maker of the background and the image of each bird; see runner.Maker.

    Attributes:
      sources: folders of the originals.
      scenes: path of the scene in `sources.places`, for each image of CUB.
      seed: random seed of the draws; None for the images of a metadata.csv.
      digest: identifies the list of images.
    """

    sources: Sources
    scenes: Mapping[str, str]
    seed: int | None
    digest: str
    kind = "waterbirds"

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {"seed": self.seed, "pictures": self.digest}

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes both images of a bird; see runner.Maker.

        The same originals and the same version of Pillow give the same bytes.
        """
        bird = _read(video.path)
        segmentation = self._segmentation(video.id, bird.size)
        scene_path = _joined(self.sources.places, self.scenes[video.id])
        # The scenery is fitted to the bird, whose image keeps its size.
        scene = scenery.cover(_read(str(scene_path)), bird.size)

        blend = scenery.paste(np.asarray(bird), np.asarray(segmentation), np.asarray(scene))
        images = (scene, Image.fromarray(blend))
        for clip, image in zip(video.clips, images, strict=True):
            with replacing(folder / clip.file) as temporary:
                # Pillow's default quality of 75, which the published images have.
                image.save(temporary, "JPEG")

        area = f"{np.asarray(segmentation).mean() / 255:.6f}"
        return [{"id": clip.id, "area": area} for clip in video.clips]

    def _segmentation(self, name: str, size: tuple[int, int]) -> Image.Image:
        """Reads the segmentation of a bird; raises DecodeError if its size differs from `size`."""
        path = _joined(self.sources.segmentations, name).with_suffix(".png")
        if not exists_in(path, self.sources.segmentations):
            raise DecodeError(f"its segmentation {path} does not exist")

        segmentation = _read(str(path))
        if segmentation.size != size:
            raise DecodeError(f"its segmentation has {segmentation.size} pixels, it has {size}")
        return segmentation


def _joined(folder: Path, file: str) -> Path:
    """Joins a path of a list to its folder. Raises DecodeError if it leads out of the folder."""
    try:
        return joined(folder, *parts_of(file))
    except UserError as error:
        raise DecodeError(str(error)) from error


def _read(path: str) -> Image.Image:
    try:
        # Pillow would run programs for some other formats, such as Ghostscript for PostScript.
        with access.StoredFile(path) as file, open_picture(file, ("JPEG", "PNG")) as image:
            return image.convert("RGB")
    except PICTURE_ERRORS as error:
        raise DecodeError(f"{path}: {error}") from error
