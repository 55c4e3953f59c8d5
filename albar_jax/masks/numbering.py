"""Which frame of a video a number in a file's name means: some count from 0, some from 1."""

import numpy as np
from jaxtyping import Int

from albar_jax.errors import UserError
from albar_jax.masks.base import OpenVideo, opened
from albar_jax.storage.csv_files import whole

_MOST_IDS = 1 << 31


def read_option(first: str) -> int | None:
    """Reads the option `first` of a source, the number of every video's first frame; None where it is to be told."""
    if first not in ("", "0", "1"):
        raise UserError(
            f"the option first of masks is the number of a video's first frame, 0 or 1, not {first!r}"
        )
    return int(first) if first else None


def frame_ids(numbers: Int[np.ndarray, " t"], first: int | None, open_video: OpenVideo, video: str):
    """Returns the 0-based numbers of the frames that these numbers, ascending, mean.

    Where `first` is not said, a number 0 tells that they count from 0, and one as high as the video has frames that
    they count from 1. Raises UserError if neither is there: a guess might move all masks by one frame.
    """
    start = _told(numbers, open_video, video) if first is None else first
    if numbers[0] < start:
        raise UserError(
            f"a mask of {video} has number {numbers[0]}, but first=1 says that they count from 1"
        )
    return numbers - start


def _told(numbers: Int[np.ndarray, " t"], open_video: OpenVideo, video: str) -> int:
    if numbers[0] == 0:
        return 0
    with opened(open_video, video) as frames:
        count = len(frames)
    if numbers[-1] == count:
        return 1
    raise UserError(
        f"the masks of {video} are numbered {numbers[0]} to {numbers[-1]} and it has {count} frames, so they may count "
        "from 0 or 1; end the source with ?first=0 (SAM-Track writes none for frame 0) or ?first=1"
    )


def read_ids(ids: str) -> tuple[int, ...]:
    """Reads the option `ids` of a source, numbers of objects or categories, `1,2`; none stands for all."""
    numbers = [whole(number) for number in ids.split(",")] if ids else []
    if not all(number is not None and 0 <= number < _MOST_IDS for number in numbers):
        raise UserError(
            f"the option ids of masks must be a list of numbers, such as ids=1,2, not {ids[:50]!r}"
        )
    return tuple(numbers)
