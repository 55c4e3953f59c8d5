"""Makes masks from a table of boxes, by a detector or by annotators."""

import dataclasses
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

# The boxes of a video: x1, y1, x2, y2 of each, by frame number.
Boxes = dict[int, list[list[float]]]


@dataclasses.dataclass(frozen=True)
class BoxesSource:
    """A CSV file `video,frame,x1,y1,x2,y2[,score]`: id, frame number, corners in pixels.

    The mask of a frame is the union of its boxes; see `pixels.fill_box`.

    Attributes:
      name: path of the file, for messages.
      boxes: boxes by video and by frame number.
      first_is_given: whether the user gave the number of the first frame.
      open_video: opens a video to get its size.
    """

    name: str
    boxes: dict[str, Boxes]
    first_is_given: bool
    open_video: OpenVideo

    def get(self, video: str) -> Masks:
        """Implements MaskSource. Masks have the size of the video's frames."""
        if video not in self.boxes:
            raise NoMask(f"{self.name} has no box for {video}")

        # The size of the frames is known only from the video.
        boxes = self.boxes[video]
        count, height, width = video_size(self.open_video, video)
        checks.check_memory(len(boxes), height, width, f"{self.name}: {video}")
        # A box in frame `count` exists only if the file counts from 1.
        if not self.first_is_given and min(boxes) > 0 and max(boxes) == count:
            raise UserError(
                f"{self.name}: {video} has {count} frames and a box in frame {count}, so they may "
                "count from 1; end the source with ?first=1, or ?first=0 if they do not"
            )

        masks = np.zeros((len(boxes), height, width), bool)
        for mask, (_, boxes_of_frame) in zip(masks, sorted(boxes.items()), strict=True):
            for corners in boxes_of_frame:
                pixels.fill_box(mask, *corners)
        return Masks(masks, np.array(sorted(boxes)))


def make(
    location: str, open_video: OpenVideo, *, min_score: str = "", first: str = ""
) -> BoxesSource:
    """Reads a table of boxes.

    Args:
      location: path of the file.
      open_video: opens a video to get its size.
      min_score: minimum score of boxes; "" uses all.
      first: number of a video's first frame, "0" or "1"; "" counts from 0, unless the boxes
        contradict it.

    Raises:
      UserError: the file does not exist or is malformed, or an option is.
    """
    path = existing(location, "file")
    start = numbering.read_option(first)
    threshold = _parse_threshold(min_score)

    boxes: dict[str, Boxes] = defaultdict(lambda: defaultdict(list))
    for video, frame, corners, score in _rows(path, start or 0, scored=bool(min_score)):
        if score >= threshold:
            # Manifests compare ids in composed form, too.
            boxes[composed(video)][frame].append(corners)
    return BoxesSource(str(path), boxes, start is not None, open_video)


def _parse_threshold(min_score: str) -> float:
    if not min_score:
        return -math.inf

    try:
        threshold = float(min_score)
    except ValueError:
        # Reported below, like the text "nan".
        threshold = math.nan
    if math.isnan(threshold):
        raise UserError(f"the option min_score of boxes must be a number, not {min_score!r}")
    return threshold


def _rows(path: Path, start: int, *, scored: bool) -> Iterator[tuple[str, int, list[float], float]]:
    """Yields video, frame number from 0, corners and score of each box; see `_parse_row`."""
    # Tables without scores are read, too, if no score is needed.
    table = read_table(path, (*COLUMNS, "score") if scored else COLUMNS, strip=False)
    for number, row in enumerate(table.rows):
        yield _parse_row(row, start, scored, table.where(number))


def _parse_row(
    row: dict[str, str], start: int, scored: bool, where: str
) -> tuple[str, int, list[float], float]:
    """Parses a row.

    Args:
      row: text by column.
      start: number of a video's first frame.
      scored: whether scores are needed; otherwise the score is 0.
      where: name of the row for messages.
    """
    number = whole(row["frame"])
    try:
        corners = [float(row[name]) for name in COLUMNS[2:]]
        score = 0.0
        if scored:
            score = float(row["score"])
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
