"""Stills that go along with clips: frames from a bank, or one of each video's own.

A CSV lists them, `path,frame[,id]`: paths relative to it, of videos or of pictures, and frames counted from 0. Where it
has ids, each clip gets the still with its own id, cropped, flipped and rolled as the clip is. Otherwise the list is a
bank, from which each clip gets any still, whole, at the size of a clip. (StillMix, blending_utils.py) Other columns are
of no matter here.
"""

import dataclasses
import os
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from albar_jax.data import transforms
from albar_jax.data.aux_inputs import AuxInput
from albar_jax.data.clip_reader import ClipSpec, Cut
from albar_jax.data.decode import DecodeError, Decoder, open_video
from albar_jax.data.on_disk import spelled
from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import Table, read_table, whole

Still = UInt8[np.ndarray, "h w 3"]


@dataclasses.dataclass(frozen=True)
class Place:
    """Frame number `frame` of the video at `path`."""

    path: str
    frame: int


def read_stills(path: str, ids: Sequence[str], decoder: Decoder = "auto") -> AuxInput:
    """Reads a list of stills for the clips with these ids; raises UserError for a mistake in it.

    `decoder` is the library that decodes films.
    """
    table = _read(path)
    places = [_place(table, row) for row in range(len(table))]
    if "id" not in table.columns:
        return Bank(_on_disk(path, places), decoder)
    place_of = _by_id(table, places)
    missing = [name for name in ids if name not in place_of]
    if missing:
        raise UserError(
            f"{path} has no still for {len(missing)} of the {len(ids)} training clips, {missing[0]!r} first"
        )
    chosen = [place_of[name] for name in ids]
    return Own(_on_disk(path, chosen), decoder)


@dataclasses.dataclass(frozen=True)
class Bank:
    """Any of `places` for any clip, stretched to its size as published; there it is any of 1,024, drawn once."""

    places: tuple[Place, ...]
    decoder: Decoder = "auto"

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Still:
        """See AuxInput."""
        place = self.places[rng.integers(len(self.places))]
        with open_video(place.path, self.decoder) as video:
            picture = _frame(video, place)
        return cv2.resize(picture, (cut.size, cut.size), interpolation=cv2.INTER_LINEAR)

    def blank(self, spec: ClipSpec) -> Still:
        """See AuxInput."""
        return np.zeros((spec.size, spec.size, 3), np.uint8)


@dataclasses.dataclass(frozen=True)
class Own:
    """`places[i]` for a clip of row i: a picture of the same size as the video's."""

    places: tuple[Place, ...]
    decoder: Decoder = "auto"

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Still:
        """See AuxInput."""
        place = self.places[row]
        with open_video(place.path, self.decoder) as video:
            picture = _frame(video, place)
        if picture.shape[:2] != (cut.height, cut.width):
            size = "x".join(map(str, picture.shape[:2]))
            raise DecodeError(
                f"its still {place.path} is {size}, but it is {cut.height}x{cut.width} itself"
            )
        top, left, height, width = cut.crop.box
        box = picture[None, top : top + height, left : left + width]
        return transforms.apply_crop(box, cut.crop, size=cut.size)[0]

    def blank(self, spec: ClipSpec) -> Still:
        """See AuxInput."""
        return np.zeros((spec.size, spec.size, 3), np.uint8)


def _frame(video, place: Place) -> Still:
    if place.frame >= len(video):
        raise DecodeError(
            f"its still is frame {place.frame} of {place.path}, which has {len(video)} frames"
        )
    return video.read([place.frame])[0]


def _read(path: str) -> Table:
    remedy = "; config.data.stills names it, and `albar reference-net` makes a bank of stills"
    table = read_table(
        path, ("path", "frame"), expects="path,frame[,id]", remedy=remedy, strip=False
    )
    if not len(table):
        raise UserError(
            f"{path} lists no stills; it needs the columns path,frame[,id] and at least one line"
        )
    return table


def _by_id(table: Table, places: Sequence[Place]) -> dict[str, Place]:
    place_of: dict[str, Place] = {}
    for number, (row, place) in enumerate(zip(table.rows, places, strict=True)):
        if place_of.setdefault(composed(row["id"]), place) != place:
            raise UserError(
                f"{table.where(number)} gives the clip {row['id']!r} a second still; keep one of them"
            )
    return place_of


def _on_disk(file: str, places: Sequence[Place]) -> tuple[Place, ...]:
    """Returns the places with paths as spelled on the disk. Raises UserError if one is missing."""
    paths = list(dict.fromkeys(place.path for place in places))
    path_of = dict(zip(paths, spelled(paths), strict=True))
    missing = [path for path, found in path_of.items() if found is None]
    if missing:
        raise UserError(
            f"{file} lists {len(missing)} videos or pictures that are not there, {missing[0]} first"
        )
    return tuple(Place(path_of[place.path], place.frame) for place in places)


def _place(table: Table, number: int) -> Place:
    row = table.rows[number]
    frame = whole(row["frame"])
    if frame is None or frame < 0:
        raise UserError(
            f"{table.where(number)}: the frame of {row['path']} is {row['frame']!r}; frames are whole numbers from 0"
        )
    return Place(os.path.join(os.path.dirname(table.path), row["path"]), frame)
