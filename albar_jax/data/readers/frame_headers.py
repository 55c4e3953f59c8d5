"""Reads the frame headers of VP9 and AV1 to find packets where decoding can begin.

A VP9 keyframe, or an AV1 keyframe shown at once, resets all reference frames and all adaptive
state. Decoding from there needs no earlier packet.
"""

from collections.abc import Callable, Sequence

import av

# Types of AV1 units: AV1 specification, 6.2.2.
AV1_SEQUENCE_HEADER, AV1_FRAME_HEADERS = 1, {3, 6}


def starts_of(codec: str, packets: Sequence[av.Packet]) -> list[int]:
    """Returns the packets where decoding can begin.

    Returns none if the first packet is not among them, or if a packet does not show exactly one
    frame.

    Args:
      codec: "vp9" or "av1".
      packets: packets in decoding order.
    """
    read: Callable[[memoryview], tuple[bool, int]] = _read_vp9 if codec == "vp9" else _read_av1

    starts = []
    for position, packet in enumerate(packets):
        is_start, shown = read(memoryview(packet))
        if shown != 1:
            return []
        if is_start:
            starts.append(position)

    return starts if starts[:1] == [0] else []


def _read_vp9(data: memoryview) -> tuple[bool, int]:
    """Returns (begins with a keyframe, frames shown) of a packet. (VP9 specification, 7.2)"""
    flags = [_vp9_flags(data[start : start + 1]) for start in _vp9_frames(data)]
    is_key, _ = flags[0]
    return is_key, sum(is_shown for _, is_shown in flags)


def _vp9_frames(data: memoryview) -> list[int]:
    """Returns the offsets of a packet's frames, by its superframe index if any. (annex B)"""
    marker = data[-1]
    count = (marker & 7) + 1
    size = (marker >> 3 & 3) + 1
    index = len(data) - (2 + count * size)
    # Without an index, the packet is one frame.
    if marker & 0xE0 != 0xC0 or index <= 0 or data[index] != marker:
        return [0]

    starts = [0]
    for number in range(count - 1):
        at = index + 1 + number * size
        starts.append(starts[-1] + int.from_bytes(data[at : at + size], "little"))

    return starts


def _vp9_flags(data: memoryview) -> tuple[bool, bool]:
    """Returns (is a keyframe, is shown) from the first byte of a frame."""
    if not len(data):
        return False, False

    # The header of profile 3 has one more bit before the flags.
    is_profile_3 = data[0] >> 4 & 3 == 3
    shows_existing, is_not_key, is_shown = (
        data[0] >> place - is_profile_3 & 1 for place in (3, 2, 1)
    )

    return not shows_existing and not is_not_key, bool(shows_existing or is_shown)


def _read_av1(data: memoryview) -> tuple[bool, int]:
    """Returns (can start decoding, frames shown) of a temporal unit."""
    has_sequence_header = is_start = False
    frames = shown = at = 0

    while at < len(data):
        kind, content, at = _av1_unit(data, at)
        if kind == AV1_SEQUENCE_HEADER:
            # The frames of a still picture with a reduced header lack the flags.
            has_sequence_header = bool(len(content)) and not content[0] & 8
        if kind not in AV1_FRAME_HEADERS or not len(content):
            continue

        shows_existing = content[0] >> 7
        frame_type = content[0] >> 5 & 3
        is_shown = content[0] >> 4 & 1
        if not frames:
            is_key = not shows_existing and frame_type == 0
            is_start = bool(has_sequence_header and is_key and is_shown)
        frames += 1
        shown += shows_existing or is_shown

    return is_start, shown


def _av1_unit(data: memoryview, at: int) -> tuple[int, memoryview, int]:
    """Returns type and content of the unit (OBU) at an offset, and the offset of the next unit."""
    header = data[at]
    # The extension byte holds the layer numbers.
    at += 2 if header & 4 else 1

    # Without a size field, the unit extends to the end.
    size = len(data) - at
    if header & 2:
        size = shift = 0
        has_more = True
        while has_more and at < len(data):
            size |= (data[at] & 0x7F) << shift
            has_more = bool(data[at] & 0x80)
            shift += 7
            at += 1

    return header >> 3 & 15, data[at : at + size], at + size
