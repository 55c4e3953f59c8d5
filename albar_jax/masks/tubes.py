"""Makes masks from the boxes of UCF101-24: UCF101v2-GT.pkl, with annotations of THUMOS.

StillMix and ALBAR cut out actors of UCF101 along these boxes.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal, cast, get_args

import numpy as np

from albar_jax.errors import UserError
from albar_jax.masks import checks, pixels
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing
from albar_jax.storage import inert_pickle

KEYS = ("labels", "gttubes", "resolution")

BoxChoice = Literal["first", "union"]
# A frame number from 0, and the corners x1, y1, x2, y2.
FrameBox = tuple[int, list[float]]


@dataclasses.dataclass(frozen=True)
class TubesSource:
    """A pickle with `labels`, `gttubes` and `resolution`.

    The keys of `gttubes` and `resolution` are video ids, `<Class>/<video>`. `gttubes[video]` maps
    label numbers to tubes. A tube is an array (n, 5) of frame number from 1, x1, y1, x2, y2. The
    tubes of the video's own class are used.

    The masks cover all frames from the first to the last with a box. Frames between without a box
    have an empty mask. Other frames have none.
    (StillMix, benchmark_synthesis/replacebackground_with_box_for_UCF101_test.py)

    Attributes:
      name: path of the file, for messages.
      content: the content of the pickle.
      boxes: "first" uses only the first box of a frame, as published; "union" uses all.
    """

    name: str
    content: dict
    boxes: BoxChoice

    def get(self, video: str) -> Masks:
        """Implements MaskSource."""
        class_name = video.split("/")[0]
        try:
            labels = self.content["labels"]
            tubes = self.content["gttubes"].get(video, {})
            # A video may have tubes of several classes; the id begins with its own.
            label = labels.index(class_name) if class_name in labels else None
            if label not in tubes:
                raise NoMask(f"{self.name} has no tube for {video}")

            boxes = [box for tube in tubes[label] for box in _boxes(tube)]
            if not boxes:
                raise ValueError("it has no box")
            height, width = self.content["resolution"][video]
            return self._fill(boxes, *checks.size(height, width, video))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.name}: the tubes of {video} are damaged: {error}") from error

    def _fill(self, boxes: list[FrameBox], height: int, width: int) -> Masks:
        frames = [frame for frame, _ in boxes]
        first, last = min(frames), max(frames)
        checks.check_memory(last - first + 1, height, width, "a tube")

        masks = np.zeros((last - first + 1, height, width), bool)
        filled = set()
        for frame, corners in boxes:
            if self.boxes == "union" or frame not in filled:
                pixels.fill_box(masks[frame - first], *corners)
            # The published program keeps the first box of a frame.
            filled.add(frame)
        return Masks(masks, np.arange(first, last + 1))


def make(location: str, open_video: OpenVideo, *, boxes: str = "first") -> TubesSource:
    """Reads the pickle without running any code in it.

    Args:
      location: path of the file.
      open_video: not used; the pickle contains the sizes.
      boxes: "first" uses only the first box of a frame, as published; "union" uses all.

    Raises:
      UserError: the file does not exist or has other contents, or the option is malformed.
    """
    path = existing(location, "file")
    if boxes not in get_args(BoxChoice):
        raise UserError(
            f"the option boxes of tubes is {' or '.join(get_args(BoxChoice))}, not {boxes!r}"
        )

    content = inert_pickle.read(path)
    if not isinstance(content, dict) or not all(key in content for key in KEYS):
        raise UserError(f"{path} is not the pickle of UCF101-24: it has no {', '.join(KEYS)}")
    # It was checked above.
    choice = cast(BoxChoice, boxes)
    return TubesSource(str(path), content, choice)


def _boxes(tube: Any) -> Iterator[FrameBox]:
    """Yields the boxes of a tube. Raises UserError or ValueError if it is malformed."""
    # The pickle is untrusted, so the type and shape of every tube are checked.
    boxes = np.asarray(tube)
    if boxes.dtype.kind not in "iuf" or boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(f"a tube is {boxes.dtype} {boxes.shape}, not numbers (n, 5)")

    for frame, *corners in boxes.tolist():
        yield checks.frame(frame, first=1), checks.corners(corners)
