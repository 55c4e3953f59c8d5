"""Which frame each packet of a film holds and where decoding may begin, told from the packets, without decoding.

Only where that is sure; `timeline_of` returns None for any other film, and only decoding it whole tells. (The frame
count in a file's header is no help: AVI counts dropped frames, MP4 counts trimmed ones.)
"""

import bisect
import dataclasses

import av

# Containers that hold one frame per packet, each with the time when it is shown, for codecs that show every packet.
# Elsewhere (pictures sent as two fields, hidden frames, streams cut anywhere) a packet is not a frame.
AVI, MP4, MATROSKA = "avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
TIMED = {MP4, MATROSKA}
# Codecs whose decoder, told to, leaves out exactly the pictures that no other is predicted from: H.264 marks them, and
# those of MPEG-4 are its B-frames. HEVC's marks are no use: they hold for one temporal layer only.
SKIPPING = {"h264", "mpeg4"}

H264_IDR, H264_PARAMETER_SETS = 5, {7, 8}  # NAL unit types, ITU-T H.264 table 7-1
VOP_START = b"\0\0\1\xb6"  # of a picture of MPEG-4 part 2
B_VOP = 2
# A picture that is only said to repeat the last one, with no room for more than a header; ffmpeg draws the same line.
MAX_EMPTY_VOP = 19


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The packets of a film in decoding order, one picture each.

    Attributes:
      packets: labelled: the pts of each is the number of its frame, or -1 if it is not shown. Decoders hand it on.
      positions: frame number -> its packet.
      starts: ascending packets from which on decoding needs none before; 0 is the first.
      skipping: whether a decoder may be told to leave out what is neither wanted nor predicted from.
    """

    packets: list[av.Packet]
    positions: list[int]
    starts: list[int]
    skipping: bool

    def needed(self, numbers) -> list[av.Packet]:
        """Returns the packets that must be decoded for these frames, in decoding order."""
        packets, reached = [], 0
        for position in sorted(self.positions[number] for number in numbers):
            start = self.starts[bisect.bisect_right(self.starts, position) - 1]
            packets += self.packets[max(start, reached) : position + 1]
            reached = position + 1
        return packets


def timeline_of(container: str, stream: av.VideoStream, packets: list[av.Packet]) -> Timeline | None:
    """Returns the timeline of a film in this container, or None; changes the packets only if it can be told."""
    codec = stream.codec_context.codec.canonical_name
    if container not in (AVI, *TIMED):
        return None
    if codec == "mjpeg":
        order = list(range(len(packets)))
    elif codec == "mpeg4":
        packets, order = _vops(packets)
    elif codec in ("h264", "hevc", "vp9", "av1") and container in TIMED:
        order = _order_of_times(packets, reorders=stream.codec_context.reorder_depth > 0)
    else:
        return None
    positions = [position for position in order if not packets[position].is_discard]
    if not positions:
        return None
    for packet in packets:
        packet.pts = -1
    for number, position in enumerate(positions):
        packets[position].pts = number
    return Timeline(packets, positions, _starts(codec, stream, packets), codec in SKIPPING)


def _order_of_times(packets: list[av.Packet], *, reorders: bool) -> list[int]:
    """Returns the packets in the order of their times; none if these cannot be trusted."""
    times = [packet.pts for packet in packets]
    if None in times or len(set(times)) < len(times):
        return []
    order = sorted(range(len(times)), key=times.__getitem__)
    # A stream that shows pictures in another order than it sends them, with times in the order sent: whoever wrote the
    # file did not know.
    return [] if reorders and order == list(range(len(times))) else order


def _vops(packets: list[av.Packet]) -> tuple[list[av.Packet], list[int]]:
    """Returns the pictures of MPEG-4 part 2, one a packet, and their order; no order if one packet is unusual.

    "Packed" films send a B-frame in the packet of the picture before it, and an empty picture in its place, which
    the decoder then takes for the B-frame that it has held back.
    """
    singles, kinds, held = [], [], None
    for packet in packets:
        head, *vops = bytes(packet).split(VOP_START)
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
    return singles, _order_of_kinds(kinds[: len(singles)])  # what is held back at the end is never shown


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
    packet = av.Packet(len(data))  # of its own memory, with the room at the end that decoders may read into
    packet.update(data)
    return packet


def _starts(codec: str, stream: av.VideoStream, packets: list[av.Packet]) -> list[int]:
    if codec == "mjpeg":  # every picture stands for itself
        return list(range(len(packets)))
    header = stream.codec_context.extradata
    if codec != "h264" or not header or header[0] != 1:  # not the "avcC" that says how long a length is
        return [0]
    starts = [0]
    for position, packet in enumerate(packets):
        types = _nal_types(memoryview(packet), (header[4] & 3) + 1)
        if types & H264_PARAMETER_SETS:
            break  # what follows may need these
        if H264_IDR in types and position:
            starts.append(position)
    return starts


def _nal_types(data: memoryview, length_size: int) -> set[int]:
    """Returns the types of the NAL units of an access unit, each after its length."""
    types, at = set(), 0
    while at + length_size < len(data):
        types.add(data[at + length_size] & 31)
        at += length_size + int.from_bytes(data[at : at + length_size])
    return types
