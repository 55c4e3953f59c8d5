"""Masks as run-length codes in a JSON file of COCO's kind, as SAM 2's users and annotation tools export them."""

import dataclasses
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.masks import checks, numbering, run_length
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing
from albar_jax.storage import access, json_files

# The codes of a video by frame number; frames without an object are missing. `get` checks the codes.
Codes = dict[int, list[Any]]


@dataclasses.dataclass(frozen=True)
class RleSource:
    """One file in one of two shapes, each segmentation `{"size": [h, w], "counts": [...] or "..."}`.

    Of videos, as YouTube-VIS has it; segmentation i is that of frame i, null where the object is not seen:

        {"videos": [{"id": 1, "file_names": ["<video id>/00000.jpg", ...]}, ...],
         "annotations": [{"video_id": 1, "category_id": 1, "segmentations": [{...}, null, ...]}, ...]}

    Of images, as COCO has it; the number in an image's name is that of its frame, see `numbering.frame_ids`:

        {"images": [{"id": 7, "file_name": "<video id>/00000.jpg", "height": h, "width": w}, ...],
         "annotations": [{"image_id": 7, "category_id": 1, "segmentation": {...}}, ...]}

    A frame's mask is the union of its objects, of those of the categories `ids` where these are given. A frame that is
    listed and has no object has an empty mask.
    """

    name: str
    codes: dict[str, Codes]
    counted: bool  # the frames' numbers are positions, not numbers in names
    first: int | None
    open_video: OpenVideo

    def get(self, video: str) -> Masks:
        """Returns the masks of the video with this id; raises NoMask, or UserError for a code that is damaged."""
        codes = self.codes.get(video, {})
        if not any(codes.values()):
            raise NoMask(f"{self.name} has no mask for {video}")
        numbers = np.array(sorted(codes), np.int64)
        first = 0 if self.counted else self.first
        frame_ids = numbering.frame_ids(numbers, first, self.open_video, video)
        try:
            height, width = _size([code for of_frame in codes.values() for code in of_frame])
            checks.room(len(numbers), height, width, video)
            return Masks(
                np.stack([_union(codes[number], height, width) for number in numbers.tolist()]),
                frame_ids,
            )
        except ValueError as error:
            raise UserError(f"{self.name}: a mask of {video} is damaged: {error}") from error


def _check_kind(codes: dict[str, Codes]) -> None:
    """Raises UserError if no code has the right form; a single wrong code makes only its video unreadable."""
    faults = [
        _fault(code)
        for of_video in codes.values()
        for of_frame in of_video.values()
        for code in of_frame
    ]
    if faults and all(faults):
        raise UserError(faults[0])


def _fault(code: Any) -> str:
    """Returns why an object is not a code; "" if it has the fields of a code."""
    if not isinstance(code, dict):
        return "it holds polygons or another form; encode it as runs first"
    for name in ("size", "counts"):
        if name not in code:
            return f"it lacks {name!r}"
    size = code["size"]
    return "" if isinstance(size, list) and len(size) == 2 else "its size is not [height, width]"


def _size(codes: list[Any]) -> tuple[int, int]:
    """Returns the common size of all codes of a video."""
    if fault := next(filter(None, map(_fault, codes)), ""):
        raise UserError(fault)
    sizes = {checks.size(*code["size"], "a run-length code") for code in codes}
    if len(sizes) > 1:
        raise UserError("its masks have different sizes")

    return sizes.pop()


def _union(codes: list[dict], height: int, width: int) -> Bool[np.ndarray, "h w"]:
    mask = np.zeros((height, width), bool)
    for code in codes:
        mask |= run_length.decode(code["counts"], height, width)
    return mask


def make(location: str, open_video: OpenVideo, *, ids: str = "", first: str = "") -> RleSource:
    """Reads a file of run-length codes; raises UserError for another kind of file.

    Args:
      location: of the file.
      open_video: as in `png.make`.
      ids: categories that are a person, `1,2`; all where it is empty.
      first: as in `png.make`; of a file of videos it says nothing.
    """
    path = existing(location, "file")
    categories, start = numbering.read_ids(ids), numbering.read_option(first)
    try:
        content = json_files.parse(access.read_bytes(path), "it", deep=True)
        counted = "videos" in content
        codes = _of_videos(content, categories) if counted else _of_images(content, categories)
        _check_kind(codes)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = f"it lacks {checks.shown(error.args[0])}" if isinstance(error, KeyError) else error
        raise UserError(
            f"{path} is not a file of run-length codes of COCO's or YouTube-VIS's kind: {reason}"
        ) from error
    return RleSource(str(path), codes, counted, start, open_video)


def _of_videos(content: dict, categories: tuple[int, ...]) -> dict[str, Codes]:
    names = {
        video["id"]: composed(os.path.dirname(video["file_names"][0]))
        for video in content["videos"]
    }
    codes: dict[str, Codes] = {
        names[video["id"]]: {number: [] for number in range(len(video["file_names"]))}
        for video in content["videos"]
    }
    for annotation in content["annotations"]:
        if not categories or annotation["category_id"] in categories:
            of_video = codes[names[annotation["video_id"]]]
            for number, code in enumerate(annotation["segmentations"]):
                if code is not None:
                    of_video[number].append(code)
    return codes


def _of_images(content: dict, categories: tuple[int, ...]) -> dict[str, Codes]:
    codes: dict[str, Codes] = defaultdict(dict)
    frames = {}
    for image in content["images"]:
        video, name = os.path.split(image["file_name"])
        frames[image["id"]] = codes[composed(video)].setdefault(_number(name), [])
    for annotation in content["annotations"]:
        if not categories or annotation["category_id"] in categories:
            frames[annotation["image_id"]].append(annotation["segmentation"])
    return dict(codes)


def _number(name: str) -> int:
    found = re.findall(r"[0-9]{1,18}", Path(name).stem)
    if not found:
        raise ValueError(f"the image {name!r} has no number")
    return int(found[-1])
