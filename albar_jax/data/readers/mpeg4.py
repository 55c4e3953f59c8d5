"""Finds the pictures of MPEG-4 part 2 (DivX, XviD) in a film's packets, and their display order."""

import re
from collections.abc import Callable, Iterable, Sequence

import av

# Start of a picture (a "video object plane", VOP).
VOP_START = b"\0\0\1\xb6"
# Start of the header of a "video object layer".
VOL_START = re.compile(rb"\x00\x00\x01[\x20-\x2f]")
# Types of pictures.
I_VOP, B_VOP = 0, 2
# Bytes of a picture that only repeats the last one: it has room for its header only. ffmpeg uses
# the same limit.
MAX_EMPTY_VOP = 19
# XviD and DivX send a single byte, 7f, for "no picture": during look-ahead, as in all films of
# HMDB51, and for a dropped frame. No decoder outputs a frame for it.
NULL_SIZE = 1


class _UnusualPacketError(Exception):
    """An error for a packet whose pictures cannot be told apart without decoding."""


def pictures_of(
    header: bytes | None, packets: Sequence[av.Packet]
) -> tuple[Sequence[av.Packet], list[int]]:
    """Splits packets into pictures and finds their display order.

    "No picture" packets are left out. "Packed" films send a B-frame in the packet of the previous
    picture, and an empty picture in its place. The decoder outputs the held B-frame for that empty
    picture.

    Args:
      header: header of the stream.
      packets: packets in decoding order.

    Returns:
      Packets with one picture each, and the positions of the shown ones in display order. If the
      order is not sure without decoding, the packets are unchanged and the order is empty.
    """
    singles: list[av.Packet] = []
    order = order_of(header, packets, singles.append)
    return (singles, order) if order else (packets, [])


def order_of(
    header: bytes | None,
    packets: Iterable[av.Packet],
    keep: Callable[[av.Packet], None] = lambda packet: None,
) -> list[int]:
    """Finds the display order of pictures without holding their packets in memory.

    Args:
      header: header of the stream.
      packets: packets in decoding order.
      keep: called with a packet for each picture.

    Returns:
      See `pictures_of`.
    """
    splitter = _Splitter(header or b"", keep)
    try:
        for packet in packets:
            splitter.add(packet)
    except _UnusualPacketError:
        return []

    # Decoders that do not expect B-frames show every picture at once, until the first B-frame.
    if B_VOP in splitter.kinds and not splitter.announces_b_frames():
        return []
    # The film begins between keyframes.
    if splitter.kinds[:1] != [I_VOP]:
        return []

    # A B-frame that is held at the end is never shown.
    return _display_order(splitter.kinds[: splitter.num_singles])


class _Splitter:
    """Splits packets into single pictures, as the decoder does.

    Args:
      header: header of the stream.
      keep: called with packets of one picture each.

    Attributes:
      num_singles: number of these packets.
      kinds: types of the pictures in decoding order, without empty pictures.
    """

    def __init__(self, header: bytes, keep: Callable[[av.Packet], None]):
        self.num_singles = 0
        self._keep = keep
        self.kinds: list[int] = []
        self._layers = _layers(header)
        # The B-frame of a packed packet, until the decoder outputs it.
        self._held: av.Packet | None = None

    def add(self, packet: av.Packet) -> None:
        """Adds the next packet. Raises _UnusualPacketError if its pictures are not clear."""
        if packet.size == NULL_SIZE:
            # The decoder outputs the held B-frame for any packet.
            if self._held is not None:
                self._emit(self._held)
            self._held = None
            return

        head, *vops = bytes(packet).split(VOP_START)
        self._layers += _layers(head)
        are_empty = [len(VOP_START) + len(vop) <= MAX_EMPTY_VOP for vop in vops]

        if len(vops) == 1:
            self._add_single(packet, vops[0], is_empty=are_empty[0])
        elif len(vops) == 2 and self._held is None and not any(are_empty):
            self._emit(_packet(head + VOP_START + vops[0]))
            self._held = _packet(VOP_START + vops[1])
            self.kinds += [_kind(vop) for vop in vops]
        else:
            raise _UnusualPacketError

    def _emit(self, single: av.Packet) -> None:
        self.num_singles += 1
        self._keep(single)

    def announces_b_frames(self) -> bool:
        """Returns whether all headers tell the decoder to expect B-frames."""
        return bool(self._layers) and all(_announces_b_frames(layer) for layer in self._layers)

    def _add_single(self, packet: av.Packet, vop: bytes, *, is_empty: bool) -> None:
        """Adds a packet with one picture."""
        if self._held is not None:
            # The decoder outputs the held B-frame and holds the new picture instead.
            self._emit(self._held)
            self._held = None if is_empty else packet
        elif is_empty:
            raise _UnusualPacketError
        else:
            self._emit(packet)

        if not is_empty:
            self.kinds.append(_kind(vop))


def _kind(vop: bytes) -> int:
    """Returns the type of a picture."""
    return vop[0] >> 6


def _layers(data: bytes) -> list[bytes]:
    """Returns the headers of video object layers."""
    return VOL_START.split(data)[1:]


def _announces_b_frames(layer: bytes) -> bool:
    """Returns whether a header has `vol_control_parameters` with `low_delay` 0.

    Source: ISO/IEC 14496-2, 6.2.3.
    """
    bits = f"{int.from_bytes(layer[:8].ljust(8, bytes(1))):064b}"
    # Skips random_accessible_vol and video_object_type_indication.
    at = 9
    # Skips is_object_layer_identifier and the fields that it announces.
    at += 8 if bits[at] == "1" else 1
    # Skips aspect_ratio_info and the fields that it announces.
    at += 20 if bits[at : at + 4] == "1111" else 4

    return bits[at] == "1" and bits[at + 3] == "0"


def _display_order(kinds: list[int]) -> list[int]:
    """Returns positions of pictures in display order.

    A B-frame is shown at once. Any other picture is shown when the next picture arrives that is
    not a B-frame.
    """
    order: list[int] = []
    last = None
    for position, kind in enumerate(kinds):
        if kind != B_VOP:
            if last is not None:
                order.append(last)
            last = position
        elif order:
            order.append(position)
        # It lacks one of the two pictures that it is predicted from, so it is not shown.
        else:
            return []

    if last is not None:
        order.append(last)

    return order


def _packet(data: bytes) -> av.Packet:
    # The packet allocates its own memory, with the padding that decoders may read.
    packet = av.Packet(len(data))
    packet.update(data)
    return packet
