"""Reads masks from run-length codes in a JSON file, in the format of COCO or YouTube-VIS.

Annotation tools and users of SAM 2 export such files.
"""

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

# The codes of a video: a list for each frame number, empty for a frame without an object. They are
# unchecked; `get` checks them.
Codes = dict[int, list[Any]]


@dataclasses.dataclass(frozen=True)
class RleSource:
    """A JSON file of run-length codes in one of two formats.

    Each segmentation is `{"size": [h, w], "counts": [...] or "..."}`.

    Videos, as in YouTube-VIS. Segmentation i belongs to frame i and is null if the object is not
    visible:

        {"videos": [{"id": 1, "file_names": ["<video id>/00000.jpg", ...]}, ...],
         "annotations": [{"video_id": 1, "category_id": 1, "segmentations": [{...}, null, ...]},
                         ...]}

    Images, as in COCO. The number in an image's name is its frame number, see
    `numbering.frame_ids`:

        {"images": [{"id": 7, "file_name": "<video id>/00000.jpg", "height": h, "width": w}, ...],
         "annotations": [{"image_id": 7, "category_id": 1, "segmentation": {...}}, ...]}

    The mask of a frame is the union of its objects, limited to some categories if the option `ids`
    is given. A frame that is listed without an object has an empty mask.

    Attributes:
      name: path of the file, for messages.
      codes: codes by video and frame.
      numbered_by_position: True if the frame numbers are positions in a list, which count from 0;
        False if they are numbers in names.
      first: number of a video's first frame, 0 or 1; None infers it.
      open_video: opens a video to count its frames.
    """

    name: str
    codes: dict[str, Codes]
    numbered_by_position: bool
    first: int | None
    open_video: OpenVideo

    def get(self, video: str) -> Masks:
        """Implements MaskSource."""
        codes = self.codes.get(video, {})
        # Listed frames alone are not masks.
        if not any(codes.values()):
            raise NoMask(f"{self.name} has no mask for {video}")

        numbers = np.array(sorted(codes), np.int64)
        first = 0 if self.numbered_by_position else self.first
        frame_ids = numbering.frame_ids(numbers, first, self.open_video, video)
        try:
            height, width = _size([code for of_frame in codes.values() for code in of_frame])
            checks.check_memory(len(numbers), height, width, video)
            masks = [_union(codes[number], height, width) for number in numbers.tolist()]
            return Masks(np.stack(masks), frame_ids)
        except ValueError as error:
            raise UserError(f"{self.name}: a mask of {video} is damaged: {error}") from error


def make(location: str, open_video: OpenVideo, *, ids: str = "", first: str = "") -> RleSource:
    """Reads a file of run-length codes.

    Args:
      location: path of the file.
      open_video: opens a video to count its frames, where the numbers alone do not show whether
        they count from 0 or 1.
      ids: categories of persons, for example "1,2"; "" uses all.
      first: number of a video's first frame, "0" or "1"; "" infers it from the numbers. Not used
        for files in the format of videos.

    Raises:
      UserError: the file does not exist or has another format, or an option is malformed.
    """
    path = existing(location, "file")
    categories = numbering.read_ids(ids)
    start = numbering.read_option(first)

    try:
        # Large files with a known structure skip the check of their depth.
        content = json_files.parse(access.read_bytes(path), "it", deep=True)
        has_videos = "videos" in content
        codes = _of_videos(content, categories) if has_videos else _of_images(content, categories)
        _check_form(codes)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = str(error)
        if isinstance(error, KeyError):
            reason = f"it lacks {checks.short_repr(error.args[0])}"
        raise UserError(
            f"{path} is not a file of run-length codes of COCO's or YouTube-VIS's kind: {reason}"
        ) from error
    return RleSource(str(path), codes, has_videos, start, open_video)


def _of_videos(content: dict, categories: tuple[int, ...]) -> dict[str, Codes]:
    """Returns the codes of a file in the format of videos."""
    names = {}
    codes: dict[str, Codes] = {}
    for video in content["videos"]:
        name = composed(os.path.dirname(video["file_names"][0]))
        names[video["id"]] = name
        # All frames of a listed video have a mask, possibly an empty one.
        codes[name] = {number: [] for number in range(len(video["file_names"]))}

    for annotation in content["annotations"]:
        if not categories or annotation["category_id"] in categories:
            of_video = codes[names[annotation["video_id"]]]
            for number, code in enumerate(annotation["segmentations"]):
                if code is not None:
                    of_video[number].append(code)
    return codes


def _of_images(content: dict, categories: tuple[int, ...]) -> dict[str, Codes]:
    """Returns the codes of a file in the format of images."""
    codes: dict[str, Codes] = defaultdict(dict)
    codes_of_image = {}
    for image in content["images"]:
        video, name = os.path.split(image["file_name"])
        codes_of_image[image["id"]] = codes[composed(video)].setdefault(_number(name), [])

    for annotation in content["annotations"]:
        if not categories or annotation["category_id"] in categories:
            codes_of_image[annotation["image_id"]].append(annotation["segmentation"])
    return dict(codes)


def _number(name: str) -> int:
    """Returns the last number in the name of an image."""
    # Names may begin with other numbers, such as a date.
    numbers = re.findall(r"[0-9]{1,18}", Path(name).stem)
    if not numbers:
        raise ValueError(f"the image {name!r} has no number")
    return int(numbers[-1])


def _check_form(codes: dict[str, Codes]) -> None:
    """Raises UserError if no code has the right form.

    A single wrong code makes only its video unreadable.
    """
    faults = []
    for of_video in codes.values():
        for of_frame in of_video.values():
            faults += [_fault(code) for code in of_frame]
    # If every code is wrong, the file has another format.
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
    if not isinstance(size, list) or len(size) != 2:
        return "its size is not [height, width]"
    return ""


def _size(codes: list[Any]) -> tuple[int, int]:
    """Returns the common (height, width) of all codes of a video."""
    for code in codes:
        if fault := _fault(code):
            raise UserError(fault)

    sizes = set()
    for code in codes:
        height, width = code["size"]
        sizes.add(checks.size(height, width, "a run-length code"))

    if len(sizes) > 1:
        raise UserError("its masks have different sizes")
    return sizes.pop()


def _union(codes: list[dict], height: int, width: int) -> Bool[np.ndarray, "h w"]:
    mask = np.zeros((height, width), bool)
    for code in codes:
        mask |= run_length.decode(code["counts"], height, width)
    return mask
