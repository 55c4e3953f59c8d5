"""Reads stills as auxiliary inputs: any frame of a bank, or one frame for each video.

A CSV lists them, `path,frame[,id]`. Paths are relative to the CSV and name videos or images, and
frames are counted from 0. With ids, each clip gets the still with its own id, cropped, flipped and
rolled like the clip. Without ids, the list is a bank: each clip gets a random still, whole, resized
to the clip (StillMix, blending_utils.py). Other columns are ignored.
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
from albar_jax.data.on_disk import paths_on_disk
from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import Table, read_table, whole

Still = UInt8[np.ndarray, "h w 3"]


@dataclasses.dataclass(frozen=True)
class FrameRef:
    """A reference to one frame: number `frame` of the video at `path`."""

    path: str
    frame: int


def read_stills(path: str, ids: Sequence[str], decoder: Decoder = "auto") -> AuxInput:
    """Reads a list of stills for the clips with these ids.

    Args:
      path: the CSV file.
      ids: ids of the training clips, in the order of the manifest.
      decoder: library that decodes films.

    Raises:
      UserError: there is a mistake in the list, or a still is missing.
    """
    table = _read(path)
    refs = [_frame_ref(table, row) for row in range(len(table))]
    if "id" not in table.columns:
        return Bank(_existing(path, refs), decoder)

    ref_of = _by_id(table, refs)
    missing = [name for name in ids if name not in ref_of]
    if missing:
        raise UserError(
            f"{path} has no still for {len(missing)} of the {len(ids)} training clips, "
            f"{missing[0]!r} first"
        )

    chosen = [ref_of[name] for name in ids]
    return Own(_existing(path, chosen), decoder)


@dataclasses.dataclass(frozen=True)
class Bank:
    """A bank of stills: each clip gets a random one, stretched to the size of the clip.

    Published code draws 1,024 stills once and chooses among them; here all of `refs` are possible.

    Attributes:
      refs: the stills.
      decoder: library that decodes films.
    """

    refs: tuple[FrameRef, ...]
    decoder: Decoder = "auto"

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Still:
        """Returns a random still, uint8 (size, size, 3); see AuxInput."""
        ref = self.refs[rng.integers(len(self.refs))]
        picture = _read_frame(ref, self.decoder)
        return cv2.resize(picture, (cut.size, cut.size), interpolation=cv2.INTER_LINEAR)

    def blank(self, spec: ClipSpec) -> Still:
        """Returns a black image; see AuxInput."""
        return np.zeros((spec.size, spec.size, 3), np.uint8)


@dataclasses.dataclass(frozen=True)
class Own:
    """The stills of the videos themselves: `refs[i]` for row i, of the same size as the video.

    Attributes:
      refs: the still of each row of the manifest.
      decoder: library that decodes films.
    """

    refs: tuple[FrameRef, ...]
    decoder: Decoder = "auto"

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Still:
        """Returns the still of a row, cut like its clip, uint8 (size, size, 3); see AuxInput."""
        ref = self.refs[row]
        picture = _read_frame(ref, self.decoder)
        if picture.shape[:2] != (cut.height, cut.width):
            size = "x".join(map(str, picture.shape[:2]))
            raise DecodeError(
                f"its still {ref.path} is {size}, but it is {cut.height}x{cut.width} itself"
            )

        top, left, height, width = cut.crop.box
        box = picture[None, top : top + height, left : left + width]

        return transforms.apply_crop(box, cut.crop, size=cut.size)[0]

    def blank(self, spec: ClipSpec) -> Still:
        """Returns a black image; see AuxInput."""
        return np.zeros((spec.size, spec.size, 3), np.uint8)


def _read_frame(ref: FrameRef, decoder: Decoder) -> Still:
    with open_video(ref.path, decoder) as video:
        if ref.frame >= len(video):
            raise DecodeError(
                f"its still is frame {ref.frame} of {ref.path}, which has {len(video)} frames"
            )
        return video.read([ref.frame])[0]


def _read(path: str) -> Table:
    """Reads the table of stills. Raises UserError for an empty one."""
    table = read_table(
        path,
        ("path", "frame"),
        expects="path,frame[,id]",
        remedy=("; config.data.stills names it, and `albar reference-net` makes a bank of stills"),
        strip=False,
    )
    if not len(table):
        raise UserError(
            f"{path} lists no stills; it needs the columns path,frame[,id] and at least one line"
        )

    return table


def _frame_ref(table: Table, number: int) -> FrameRef:
    """Returns the still of a row of the table."""
    row = table.rows[number]
    frame = whole(row["frame"])
    if frame is None or frame < 0:
        raise UserError(
            f"{table.where(number)}: the frame of {row['path']} is {row['frame']!r}; frames are "
            "whole numbers from 0"
        )

    return FrameRef(os.path.join(os.path.dirname(table.path), row["path"]), frame)


def _by_id(table: Table, refs: Sequence[FrameRef]) -> dict[str, FrameRef]:
    """Returns id -> still. Raises UserError if a clip has two different stills."""
    ref_of: dict[str, FrameRef] = {}
    for number, (row, ref) in enumerate(zip(table.rows, refs, strict=True)):
        if ref_of.setdefault(composed(row["id"]), ref) != ref:
            raise UserError(
                f"{table.where(number)} gives the clip {row['id']!r} a second still; keep one of "
                "them"
            )
    return ref_of


def _existing(file: str, refs: Sequence[FrameRef]) -> tuple[FrameRef, ...]:
    """Returns the stills with paths as spelled on the disk. Raises UserError if one is missing."""
    paths = list(dict.fromkeys(ref.path for ref in refs))
    path_of = {}
    missing = []
    for path, on_disk in zip(paths, paths_on_disk(paths), strict=True):
        if on_disk is None:
            missing.append(path)
        else:
            path_of[path] = on_disk

    if missing:
        raise UserError(
            f"{file} lists {len(missing)} videos or images that do not exist, {missing[0]} first"
        )

    return tuple(FrameRef(path_of[ref.path], ref.frame) for ref in refs)
