"""Finds damaged frames: frames that their decoder marks, and frames predicted from these.

Decoders mark a frame whose data they cannot read, but not the frames predicted from it.
"""

from collections.abc import Collection, Iterable, Iterator

import av
from av.video.frame import PictureType

from albar_jax.data.readers.base import DecodeError

# B-frames held back. Decoders reorder at most 16 frames, and no encoder writes more than 64 consecutive B-frames.
# Without this limit, a film of B-frames only would be held in memory as a whole.
MAX_HELD = 64
HELD_PIXELS = 1 << 26


def with_damage(frames: Iterable[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, bool]]:
    """Yields (frame, is damaged) in display order.

    All frames from a marked one to the next keyframe count as damaged. So do the B-frames just
    before it, because they are predicted from it.
    """
    damaged = False
    # B-frames wait here until the frame after them is known.
    held: list[tuple[av.VideoFrame, bool]] = []
    for frame in frames:
        damaged = frame.is_corrupt or (damaged and not frame.key_frame)
        held.append((frame, damaged))
        if frame.pict_type == PictureType.B:
            if len(held) > max(
                16, min(MAX_HELD, HELD_PIXELS // max(1, frame.width * frame.height))
            ):
                yield held.pop(0)
            continue
        for earlier, was_damaged in held:
            yield earlier, was_damaged or frame.is_corrupt
        held.clear()

    yield from held


def keep(
    frames: Iterable[tuple[av.VideoFrame, bool]], room: int
) -> tuple[list[bool], list[tuple[av.VideoFrame, bool]] | None]:
    """Returns which frames are damaged, and the frames; None instead of frames of more than `room` pixels."""
    damaged: list[bool] = []
    kept: list[tuple[av.VideoFrame, bool]] = []
    for frame, is_damaged in frames:
        damaged.append(is_damaged)
        # Uses the size of each frame: the header may be wrong, and the size may change.
        room -= frame.width * frame.height
        if room < 0:
            kept.clear()
        else:
            kept.append((frame, is_damaged))

    return damaged, None if room < 0 else kept


def sound_only(
    name: str, frames: Iterable[tuple[int, av.VideoFrame, bool]], wanted: Collection[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yields number and frame of the frames of a film.

    Args:
      name: of the film, for the message.
      frames: number, frame, and whether it is damaged.
      wanted: numbers of the frames that must not be damaged.

    Raises:
      DecodeError: one of the wanted frames is damaged.
    """
    for number, frame, is_damaged in frames:
        if is_damaged and number in wanted:
            raise DecodeError(f"{name}: its data are damaged at frame {number}")
        yield number, frame
