"""Masks as pictures: one .png per frame, as annotators and trackers write them."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from albar_jax.data.pictures import open_picture
from albar_jax.errors import UserError
from albar_jax.masks import checks, numbering
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, is_there, place_of
from albar_jax.storage import access

# A name that ends in its number. Not SAM-Track's %05d_new.png, which show what is new and not all that is there.
_NUMBERED = re.compile(r"(?:.*[^0-9])?([0-9]{1,18})\.png", re.IGNORECASE | re.DOTALL)


class PngSource:
    """Masks in `<folder>/<video id>/[<object>/]<number>.png`, optionally a folder for each object.

    A pixel's value, or its palette index, is the object number; 0 is the background. SAM 2
    (vos_inference.py; with --per_obj_png_file a folder for each object), SAM-Track and DAVIS write
    this form. In a colour picture every pixel that is not black is the person. Fully transparent
    pixels are background.
    """

    def __init__(
        self, folder: Path, ids: tuple[int, ...], first: int | None, open_video: OpenVideo
    ):
        self._folder = folder
        self._ids = ids
        self._first = first
        self._open_video = open_video

    def get(self, video: str) -> Masks:
        """Returns the masks of the video with this id; raises NoMask, or UserError for what cannot be read."""
        folder = place_of(self._folder, video)
        if not is_there(folder, self._folder):
            raise NoMask(f"{folder} is not there")
        if not access.is_folder(folder):
            raise UserError(f"{folder} is not a folder of .png files")
        pictures = [_numbered(folder)]
        ids = self._ids
        if not pictures[0]:
            objects = {
                int(path.name): path
                for path in folder.iterdir()
                if path.is_dir() and path.name.isdecimal()
            }
            pictures = [
                _numbered(path)
                for number, path in sorted(objects.items())
                if not ids or number in ids
            ]
            ids = ()
        numbers = np.array(sorted(set().union(*pictures)), np.int64)
        if not len(numbers):
            raise NoMask(f"{folder} holds no numbered .png")
        frame_ids = numbering.frame_ids(numbers, self._first, self._open_video, video)
        of_frame = [
            [of_number[number] for of_number in pictures if number in of_number]
            for number in numbers
        ]
        masks = []
        for paths in of_frame:
            masks.append(np.logical_or.reduce([_read(path, ids) for path in paths]))
            checks.room(len(numbers), *masks[0].shape, str(folder))
        if len({mask.shape for mask in masks}) > 1:
            raise UserError(f"the masks in {folder} have different sizes")
        return Masks(np.stack(masks), frame_ids)


def _numbered(folder: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        match = _NUMBERED.fullmatch(path.name)
        if match and not path.name.startswith("."):
            other = found.setdefault(int(match[1]), path)
            if other is not path:
                raise UserError(f"{other} and {path.name} have the same number")
    return found


def _read(path: Path, ids: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    try:
        with access.StoredFile(path) as file, open_picture(file, ("PNG",)) as image:
            values, bands = np.asarray(image), image.getbands()
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path} is not a readable PNG image: {error}") from error
    opaque = np.True_
    if bands[-1] == "A":
        values, opaque = values[..., :-1], values[..., -1] > 0
    if ids and len(bands) > 2:
        raise UserError(
            f"{path} has colours, not numbers of objects, so ids=... cannot choose from them"
        )
    values = values.reshape(*values.shape[:2], -1)
    return (np.isin(values, ids) if ids else values != 0).any(axis=-1) & opaque


def make(location: str, open_video: OpenVideo, *, ids: str = "", first: str = "") -> PngSource:
    """Opens a folder of folders of .png; raises UserError.

    Args:
      location: of the folder.
      open_video: tells how many frames there are, where the numbers alone do not say what they count from.
      ids: numbers of the objects that are the person, `1,2`; all where it is empty.
      first: the number of a video's first frame, 0 or 1; told from the numbers where it is empty.
    """
    return PngSource(
        existing(location, "folder"),
        numbering.read_ids(ids),
        numbering.read_option(first),
        open_video,
    )
