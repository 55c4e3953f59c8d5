"""Converts mask numbers in files to frame numbers: some programs count from 0, others from 1."""

import numpy as np
from jaxtyping import Int

from albar_jax.errors import UserError
from albar_jax.masks.base import OpenVideo, opened
from albar_jax.storage.csv_files import whole

_MOST_IDS = 1 << 31


def read_option(first: str) -> int | None:
    """Parses the option `first` of a source, the number of every video's first frame.

    Args:
      first: text of the option; "" if it is not given.

    Returns:
      0 or 1; None if the option is not given.

    Raises:
      UserError: it is another text.
    """
    if first not in ("", "0", "1"):
        raise UserError(
            "the option first of masks is the number of a video's first frame, 0 or 1, not "
            f"{first!r}"
        )
    return int(first) if first else None


def frame_ids(
    numbers: Int[np.ndarray, " t"], first: int | None, open_video: OpenVideo, video: str
) -> Int[np.ndarray, " t"]:
    """Converts mask numbers to frame numbers from 0.

    Args:
      numbers: numbers of the masks in the file, ascending, at least one.
      first: number of the video's first frame; None infers it. Numbers that include 0 count from 0.
        Numbers that end at the number of frames count from 1.
      open_video: opens the video to count its frames.
      video: id of the video.

    Raises:
      UserError: the first number cannot be inferred. A guess could shift all masks by one frame.
    """
    if first is None:
        first = _infer_first(numbers, open_video, video)

    # A negative frame number would select a frame from the end.
    if numbers[0] < first:
        raise UserError(
            f"a mask of {video} has number {numbers[0]}, but first=1 says that they count from 1; "
            "end the source with ?first=0"
        )
    return numbers - first


def read_ids(ids: str) -> tuple[int, ...]:
    """Parses the option `ids` of a source, numbers of objects or categories.

    Args:
      ids: text of the option, for example "1,2"; "" means all.

    Returns:
      The numbers; none for all.

    Raises:
      UserError: it is another text.
    """
    if not ids:
        return ()

    numbers = [whole(number) for number in ids.split(",")]
    valid = tuple(number for number in numbers if number is not None and 0 <= number < _MOST_IDS)
    if len(valid) < len(numbers):
        raise UserError(
            f"the option ids of masks must be a list of numbers, such as ids=1,2, not {ids[:50]!r}"
        )
    return valid


def _infer_first(numbers: Int[np.ndarray, " t"], open_video: OpenVideo, video: str) -> int:
    """Infers the number of the first frame; see `frame_ids`."""
    # Only files that count from 0 have a mask with number 0.
    if numbers[0] == 0:
        return 0

    with opened(open_video, video) as frames:
        count = len(frames)
    # Frame `count` exists only if the file counts from 1.
    if numbers[-1] == count:
        return 1

    raise UserError(
        f"the masks of {video} are numbered {numbers[0]} to {numbers[-1]} and it has {count} "
        "frames, so they may count from 0 or 1; end the source with ?first=0 (SAM-Track writes "
        "none for frame 0) or ?first=1"
    )
