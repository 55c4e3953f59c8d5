"""Which frames are damaged: those that their decoder marks, and all that are predicted from them.

Decoders mark the frame whose data they cannot read, not those that are predicted from it.
"""

from collections.abc import Iterable, Iterator

import av
from av.video.frame import PictureType


def with_damage(frames: Iterable[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, bool]]:
    """Yields each frame of a film in the order shown, and whether it is damaged.

    From a marked frame on, all are, up to the next keyframe; and so are the B-frames just before it, which are
    predicted from it.
    """
    damaged = False
    held: list[tuple[av.VideoFrame, bool]] = []  # B-frames, until the frame after them is known
    for frame in frames:
        damaged = frame.is_corrupt or (damaged and not frame.key_frame)
        held.append((frame, damaged))
        if frame.pict_type == PictureType.B:
            continue
        for earlier, was_damaged in held:
            yield earlier, was_damaged or frame.is_corrupt
        held.clear()
    yield from held
