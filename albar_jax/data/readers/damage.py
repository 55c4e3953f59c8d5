"""Finds damaged frames: frames that their decoder marks, and frames predicted from these.

Decoders mark a frame whose data they cannot read, but not the frames predicted from it.
"""

from collections.abc import Collection, Iterable, Iterator

import av
from av.video.frame import PictureType

from albar_jax.data.readers.base import DecodeError

# B-frames held back. Decoders reorder at most 16 frames, and no encoder writes more than 64
# consecutive B-frames. Without this limit, a film of B-frames only would be held in memory as a
# whole.
MAX_HELD = 64
HELD_PIXELS = 1 << 26
# B-frames that may be held whatever their size, because decoders reorder as many.
_MIN_HELD = 16


def with_damage(frames: Iterable[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, bool]]:
    """Yields (frame, is damaged) in display order.

    All frames from a marked one to the next keyframe count as damaged. So do the B-frames just
    before it, because they are predicted from it.
    """
    is_damaged = False
    # B-frames wait here until the frame after them is known.
    held: list[tuple[av.VideoFrame, bool]] = []

    for frame in frames:
        is_damaged = frame.is_corrupt or (is_damaged and not frame.key_frame)
        held.append((frame, is_damaged))

        if frame.pict_type == PictureType.B:
            if len(held) > _most_held(frame):
                yield held.pop(0)
            continue

        for earlier, was_damaged in held:
            yield earlier, was_damaged or frame.is_corrupt
        held.clear()

    yield from held


def _most_held(frame: av.VideoFrame) -> int:
    """Returns how many frames of this size may be held."""
    pixels = max(1, frame.width * frame.height)
    return max(_MIN_HELD, min(MAX_HELD, HELD_PIXELS // pixels))


def collect(
    frames: Iterable[tuple[av.VideoFrame, bool]], room: int
) -> tuple[list[bool], list[tuple[av.VideoFrame, bool]] | None]:
    """Counts frames, and keeps them if they are small.

    Args:
      frames: frame, and whether it is damaged.
      room: number of pixels that may be kept.

    Returns:
      Whether each frame is damaged, and the frames; None instead of frames that exceed `room`.
    """
    are_damaged: list[bool] = []
    kept: list[tuple[av.VideoFrame, bool]] = []

    for frame, is_damaged in frames:
        are_damaged.append(is_damaged)
        # Uses the size of each frame: the header may be wrong, and the size may change.
        room -= frame.width * frame.height
        if room < 0:
            kept.clear()
        else:
            kept.append((frame, is_damaged))

    if room < 0:
        return are_damaged, None
    return are_damaged, kept


def undamaged(
    name: str, frames: Iterable[tuple[int, av.VideoFrame, bool]], wanted: Collection[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yields number and frame of the frames of a film.

    Args:
      name: name of the film for the message.
      frames: number, frame, and whether it is damaged.
      wanted: numbers of the frames that must not be damaged.

    Raises:
      DecodeError: one of the wanted frames is damaged.
    """
    for number, frame, is_damaged in frames:
        if is_damaged and number in wanted:
            raise DecodeError(f"{name}: its data are damaged at frame {number}")
        yield number, frame
