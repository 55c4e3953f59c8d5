"""Boxes of a detector or of annotators, in a table."""

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.masks import checks, numbering, pixels
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, video_size
from albar_jax.storage.csv_files import read_table, whole

COLUMNS = ("video", "frame", "x1", "y1", "x2", "y2")

Boxes = dict[int, list[list[float]]]  # of a video: x1, y1, x2, y2 by the number of the frame


class BoxesSource:
    """A CSV file `video,frame,x1,y1,x2,y2[,score]`: ids, numbers of frames, corners in pixels of the frame.

    A frame's mask is all that is in any of its boxes; see `pixels.fill_box`.
    """

    def __init__(self, boxes: dict[str, Boxes], name: str, told: bool, open_video: OpenVideo):
        self._boxes = boxes
        self._name = name
        # Number of the first frame, or None if unknown.
        self._told = told
        self._open_video = open_video

    def get(self, video: str) -> Masks:
        """Returns the masks of a video in the size of its frames. Raises NoMask or UserError."""
        if video not in self._boxes:
            raise NoMask(f"{self._name} has no box for {video}")
        boxes = self._boxes[video]
        count, height, width = video_size(self._open_video, video)
        checks.room(len(boxes), height, width, f"{self._name}: {video}")
        if not self._told and min(boxes) > 0 and max(boxes) == count:
            raise UserError(
                f"{self._name}: {video} has {count} frames and a box in frame {count}, so they may count from 1; end "
                "the source with ?first=1, or ?first=0 if they do not"
            )
        masks = np.zeros((len(boxes), height, width), bool)
        for mask, (_, corners) in zip(masks, sorted(boxes.items()), strict=True):
            for box in corners:
                pixels.fill_box(mask, *box)
        return Masks(masks, np.array(sorted(boxes)))


def make(
    location: str, open_video: OpenVideo, *, min_score: str = "", first: str = ""
) -> BoxesSource:
    """Reads a table of boxes. Raises UserError for a mistake in it.

    Args:
      location: path of the file.
      open_video: opens a video to get its frame size.
      min_score: boxes with a lower score are ignored.
      first: number of a video's first frame, "0" or "1"; if empty, it is derived from the boxes.
    """
    path = existing(location, "file")
    start = numbering.read_option(first)
    try:
        threshold = float(min_score) if min_score else -math.inf
    except ValueError:
        threshold = math.nan
    if math.isnan(threshold):
        raise UserError(f"the option min_score of boxes must be a number, not {min_score!r}")
    boxes: dict[str, Boxes] = defaultdict(lambda: defaultdict(list))
    for video, frame, corners, score in _rows(path, start or 0, scored=bool(min_score)):
        if score >= threshold:
            boxes[composed(video)][frame].append(corners)
    return BoxesSource(boxes, str(path), start is not None, open_video)


def _rows(path: Path, start: int, *, scored: bool) -> Iterator[tuple[str, int, list[float], float]]:
    """Yields video, 0-based frame, corners and score (0 where scores are not asked for) of each line."""
    table = read_table(path, (*COLUMNS, "score") if scored else COLUMNS, strip=False)
    for number, row in enumerate(table.rows):
        yield _parsed(row, start, scored, table.where(number))


def _parsed(
    row: dict[str, str], start: int, scored: bool, where: str
) -> tuple[str, int, list[float], float]:
    number = whole(row["frame"])
    try:
        corners = [float(row[name]) for name in COLUMNS[2:]]
        score = float(row["score"]) if scored else 0.0
    except ValueError:
        number = None
    if number is None:
        raise UserError(f"{where} is not a box: it needs numbers for frame and x1, y1, x2, y2")
    if math.isnan(score):
        raise UserError(f"{where} is not a box: its score is {row['score']!r}")
    try:
        return row["video"], checks.frame(number, first=start), checks.corners(corners), score
    except UserError as error:
        raise UserError(f"{where} is not a box: {error}") from None
