"""The boxes of UCF101-24, which StillMix and ALBAR cut out of UCF101: UCF101v2-GT.pkl, annotations of THUMOS."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np

from albar_jax.errors import UserError
from albar_jax.masks import checks, pixels
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing
from albar_jax.storage import inert_pickle

KEYS = ("labels", "gttubes", "resolution")
Boxes = Literal["first", "union"]


class TubesSource:
    """A pickle with `labels`, `gttubes` and `resolution`, the last two by `<Class>/<video>`, which is the video's id.

    `gttubes[video]` maps the number of a label to tubes, arrays (n, 5) of frame (from 1 on), x1, y1, x2, y2; those of
    the video's own class are used. The masks reach from the first to the last frame that has a box; frames between
    that have none are empty, and those outside have no mask.
    (StillMix, benchmark_synthesis/replacebackground_with_box_for_UCF101_test.py)
    """

    def __init__(self, content: dict, name: str, boxes: Boxes):
        self._content = content
        self._name = name
        self._boxes = boxes

    def get(self, video: str) -> Masks:
        """Returns the masks of the video with this id; raises NoMask, or UserError for a damaged entry."""
        own = video.split("/")[0]
        try:
            tubes = self._content["gttubes"].get(video, {})
            label = self._content["labels"].index(own) if own in self._content["labels"] else None
            if label not in tubes:
                raise NoMask(f"{self._name} has no tube for {video}")
            boxes = [box for tube in tubes[label] for box in _boxes(tube)]
            if not boxes:
                raise ValueError("it has no box")
            return self._fill(boxes, *checks.size(*self._content["resolution"][video], video))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self._name}: the tubes of {video} are damaged: {error}") from error

    def _fill(self, boxes: list[tuple[int, list[float]]], height: int, width: int) -> Masks:
        frames = [frame for frame, _ in boxes]
        first, last = min(frames), max(frames)
        checks.room(last - first + 1, height, width, "a tube")
        masks = np.zeros((last - first + 1, height, width), bool)
        filled = set()
        for frame, corners in boxes:
            if self._boxes == "union" or frame not in filled:
                pixels.fill_box(masks[frame - first], *corners)
            filled.add(frame)

        return Masks(masks, np.arange(first, last + 1))


def _boxes(tube: Any) -> Iterator[tuple[int, list[float]]]:
    """Yields the frame, from 0, and the corners of each box of a tube (n, 5)."""
    boxes = np.asarray(tube)
    if boxes.dtype.kind not in "iuf" or boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(f"a tube is {boxes.dtype} {boxes.shape}, not numbers (n, 5)")
    for frame, *corners in boxes.tolist():
        yield checks.frame(frame, first=1), checks.corners(corners)


def make(location: str, open_video: OpenVideo, *, boxes: str = "first") -> TubesSource:
    """Reads the pickle, without running any code in it; raises UserError for one of another content.

    Args:
      location: of the file.
      open_video: is not needed; the pickle knows the sizes.
      boxes: "first", as published: of several boxes in a frame only the first counts; or "union": all do.
    """
    path = existing(location, "file")
    if boxes not in get_args(Boxes):
        raise UserError(
            f"the option boxes of tubes is {' or '.join(get_args(Boxes))}, not {boxes!r}"
        )
    content = inert_pickle.read(path)
    if not isinstance(content, dict) or not all(key in content for key in KEYS):
        raise UserError(f"{path} is not the pickle of UCF101-24: it has no {', '.join(KEYS)}")
    return TubesSource(content, str(path), boxes)
