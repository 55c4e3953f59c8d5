"""Reads masks from images, one .png per frame, which annotation tools and trackers write."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from albar_jax.data.pictures import PICTURE_ERRORS, open_picture
from albar_jax.errors import UserError
from albar_jax.masks import checks, numbering
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, exists_in, path_of
from albar_jax.storage import access
from albar_jax.storage.csv_files import read_table, whole

# A name that ends in its number. SAM-Track's %05d_new.png do not match: they show new objects only.
_NUMBERED = re.compile(r"(?:.*[^0-9])?([0-9]{1,18})\.png", re.IGNORECASE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class PngSource:
    """Masks in `<folder>/<video id>/[<object>/]<number>.png`, optionally a folder for each object.

    A pixel's value, or its palette index, is the object number; 0 is the background. SAM 2
    (vos_inference.py; with --per_obj_png_file a folder for each object), SAM-Track and DAVIS write
    this form. In a color image every pixel that is not black is the person. Fully transparent
    pixels are background.

    Attributes:
      folder: folder of the masks.
      ids: numbers of the objects that are the person; none for all.
      first: number of a video's first frame, 0 or 1; None infers it.
      open_video: opens a video to count its frames.
      above: a pixel shows the person if its value is larger, 0 to 254.
      folders: path of each video's folder, relative to `folder`, by id; None if it is the id.
    """

    folder: Path
    ids: tuple[int, ...]
    first: int | None
    open_video: OpenVideo
    above: int = 0
    folders: Mapping[str, str] | None = None

    def get(self, video: str) -> Masks:
        """Implements MaskSource."""
        folder = self._folder_of(video)
        if not exists_in(folder, self.folder):
            raise NoMask(f"{folder} does not exist")
        if not access.is_folder(folder):
            raise UserError(f"{folder} is not a folder of .png files")

        ids = self.ids
        folders = [_numbered_pictures(folder)]
        if not folders[0]:
            # There are no images here, so there is a folder for each object.
            folders = _object_folders(folder, ids)
            # Each folder shows one object, so its images have no object numbers.
            ids = ()

        # A frame counts if any object has an image of it.
        numbers = np.array(sorted(set().union(*folders)), np.int64)
        if not len(numbers):
            raise NoMask(f"{folder} holds no numbered .png")
        frame_ids = numbering.frame_ids(numbers, self.first, self.open_video, video)

        masks = []
        for number in numbers:
            paths = [pictures[number] for pictures in folders if number in pictures]
            masks.append(_read_union(paths, ids, self.above))
            # All images must have the size of the first one, which is checked below.
            height, width = masks[0].shape
            checks.check_memory(len(numbers), height, width, str(folder))
        if len({mask.shape for mask in masks}) > 1:
            raise UserError(f"the masks in {folder} have different sizes")
        return Masks(np.stack(masks), frame_ids)

    def _folder_of(self, video: str) -> Path:
        if self.folders is None:
            return path_of(self.folder, video)
        if video not in self.folders:
            raise NoMask("the table of masks does not list it")
        # The table is the user's own, so its paths may lead anywhere.
        return self.folder / self.folders[video]


def make(
    location: str, open_video: OpenVideo, *, ids: str = "", first: str = "", above: str = ""
) -> PngSource:
    """Opens a folder that holds a folder of .png files for each video.

    Args:
      location: path of the folder, or of a CSV file `id,path` with the folder of each video,
        relative to the file.
      open_video: opens a video to count its frames, where the numbers alone do not show whether
        they count from 0 or 1.
      ids: numbers of the objects that are the person, for example "1,2"; "" uses all.
      first: number of a video's first frame, "0" or "1"; "" infers it from the numbers.
      above: a pixel shows the person if its value is larger, "0" to "254"; for probabilities. ""
        is 0.

    Raises:
      UserError: there is no such folder or file, or an option is malformed.
    """
    folders = None
    if location.endswith(".csv"):
        file = existing(location, "file")
        folder = file.parent
        table = read_table(file, ("id", "path"))
        folders = dict(zip(table.column("id"), table.column("path"), strict=True))
    else:
        folder = existing(location, "folder")

    return PngSource(
        folder,
        numbering.read_ids(ids),
        numbering.read_option(first),
        open_video,
        _read_above(above, ids),
        folders,
    )


def _read_above(above: str, ids: str) -> int:
    """Parses the option `above`. Raises UserError if it is malformed or contradicts `ids`."""
    value = whole(above) if above else 0
    if value is None or not 0 <= value < 255:
        raise UserError(f"the option above of png is a number from 0 to 254, not {above[:50]!r}")
    if above and ids:
        raise UserError("the options above and ids of png cannot be combined; give one of them")
    return value


def _object_folders(folder: Path, ids: tuple[int, ...]) -> list[dict[int, Path]]:
    """Lists the images of each object, by number, sorted by object."""
    objects = {}
    for path in folder.iterdir():
        if path.is_dir() and path.name.isdecimal():
            objects[int(path.name)] = path

    folders = []
    for number, path in sorted(objects.items()):
        if not ids or number in ids:
            folders.append(_numbered_pictures(path))
    return folders


def _numbered_pictures(folder: Path) -> dict[int, Path]:
    """Returns the images in a folder by number. Raises UserError if two have the same number."""
    pictures: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        match = _NUMBERED.fullmatch(path.name)
        if match and not path.name.startswith("."):
            other = pictures.setdefault(int(match[1]), path)
            if other is not path:
                raise UserError(f"{other} and {path.name} have the same number")
    return pictures


def _read_union(paths: Sequence[Path], ids: tuple[int, ...], above: int) -> Bool[np.ndarray, "h w"]:
    """Reads the union of the masks in several images."""
    return np.logical_or.reduce([_read(path, ids, above) for path in paths])


def _read(path: Path, ids: tuple[int, ...], above: int) -> Bool[np.ndarray, "h w"]:
    try:
        with access.StoredFile(path) as file, open_picture(file, ("PNG",)) as image:
            values = np.asarray(image)
            bands = image.getbands()
    except PICTURE_ERRORS as error:
        raise UserError(f"{path} is not a readable PNG image: {error}") from error

    opaque = np.True_
    if bands[-1] == "A":
        # Transparent pixels may have any color.
        values, opaque = values[..., :-1], values[..., -1] > 0
    if ids and len(bands) > 2:
        raise UserError(
            f"{path} has colors, not numbers of objects, so ids=... cannot choose from them"
        )

    # Images of one channel have no third axis.
    values = values.reshape(*values.shape[:2], -1)
    is_person = values > above
    if ids:
        is_person = np.isin(values, ids)
    return np.logical_and(is_person.any(axis=-1), opaque)
