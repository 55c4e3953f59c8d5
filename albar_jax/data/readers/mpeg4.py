"""The pictures of MPEG-4 part 2 (DivX, XviD) in a film's packets, and the order in which a decoder shows them."""

import re

import av

VOP_START = b"\0\0\1\xb6"  # of a picture
VOL_START = re.compile(rb"\x00\x00\x01[\x20-\x2f]")  # of the header of a "video object layer"
I_VOP, B_VOP = 0, 2
# A picture that is only said to repeat the last one, with no room for more than a header; ffmpeg draws the same line.
MAX_EMPTY_VOP = 19
# XviD and DivX send a single byte, 7f, for "no picture": during look-ahead, as in all films of
# HMDB51, and for a dropped frame. No decoder outputs a frame for it.
NULL_SIZE = 1


def pictures_of(
    header: bytes | None, packets: list[av.Packet]
) -> tuple[list[av.Packet], list[int]]:
    """Returns the pictures, one per packet, and their order; no order if a packet is unusual.

    "No picture" packets are left out. "Packed" films send a B-frame in the packet of the picture
    before it, and an empty picture in its place. The decoder outputs the held B-frame for that
    empty picture.
    """
    singles, kinds, layers, held = [], [], _layers(header or b""), None
    for packet in packets:
        if packet.size == NULL_SIZE:
            # The decoder outputs the held B-frame for any packet.
            singles += [] if held is None else [held]
            held = None
            continue

        head, *vops = bytes(packet).split(VOP_START)
        layers += _layers(head)
        empty = [len(VOP_START) + len(vop) <= MAX_EMPTY_VOP for vop in vops]
        if len(vops) == 1 and held is not None:
            singles.append(held)
            held = None if empty[0] else packet
        elif len(vops) == 1 and not empty[0]:
            singles.append(packet)
        elif len(vops) == 2 and held is None and not any(empty):
            singles.append(_packet(head + VOP_START + vops[0]))
            held = _packet(VOP_START + vops[1])
            kinds += [vop[0] >> 6 for vop in vops]
            continue
        else:
            return packets, []
        if not empty[0]:
            kinds.append(vops[0][0] >> 6)
    # Decoders that are not told of B-frames show every picture at once, till the first B-frame proves them wrong.
    if B_VOP in kinds and not (layers and all(map(_tells_of_b_frames, layers))):
        return packets, []
    if kinds[:1] != [I_VOP]:  # The film begins between keyframes.
        return packets, []
    return singles, _order_of_kinds(
        kinds[: len(singles)]
    )  # what is held back at the end is never shown


def _layers(data: bytes) -> list[bytes]:
    return VOL_START.split(data)[1:]


def _tells_of_b_frames(layer: bytes) -> bool:
    """Whether the header of a layer has `vol_control_parameters`, and these `low_delay` 0; ISO/IEC 14496-2, 6.2.3."""
    bits = f"{int.from_bytes(layer[:8].ljust(8, bytes(1))):064b}"
    at = 9  # random_accessible_vol, video_object_type_indication
    at += 8 if bits[at] == "1" else 1  # is_object_layer_identifier, and these
    at += 20 if bits[at : at + 4] == "1111" else 4  # aspect_ratio_info, and these
    return bits[at] == "1" and bits[at + 3] == "0"


def _order_of_kinds(kinds: list[int]) -> list[int]:
    """Returns pictures in the order shown: a B-frame at once, any other once the next of its kind arrives."""
    order, last = [], None
    for position, kind in enumerate(kinds):
        if kind != B_VOP:
            order += [] if last is None else [last]
            last = position
        elif order:
            order.append(position)
        else:  # it lacks one of the two pictures that it is predicted from: not shown
            return []
    return order if last is None else [*order, last]


def _packet(data: bytes) -> av.Packet:
    packet = av.Packet(
        len(data)
    )  # of its own memory, with the room at the end that decoders may read into
    packet.update(data)
    return packet
