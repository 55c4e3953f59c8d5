"""Finds damaged frames: frames that their decoder marks, and frames predicted from these.

Decoders mark a frame whose data they cannot read, but not the frames predicted from it.
"""

from collections.abc import Iterable, Iterator

import av
from av.video.frame import PictureType


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
            continue
        for earlier, was_damaged in held:
            yield earlier, was_damaged or frame.is_corrupt
        held.clear()

    yield from held
