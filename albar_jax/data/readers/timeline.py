"""Which frame each packet of a film holds and where decoding may begin, told from the packets, without decoding.

Only where that is sure; `timeline_of` returns None for any other film, and only decoding it whole tells. (The frame
count in a file's header is no help: AVI counts dropped frames, MP4 counts trimmed ones.)
"""

import bisect
import dataclasses
import itertools

import av

from albar_jax.data.readers import mpeg4
from albar_jax.data.readers.nal import NALUnits

# Containers that hold one frame per packet, each with the time when it is shown, for codecs that show every packet.
# Elsewhere (pictures sent as two fields, hidden frames, streams cut anywhere) a packet is not a frame.
AVI, MP4, MATROSKA = "avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
TIMED = {MP4, MATROSKA}
# Codecs whose decoder, told to, leaves out exactly the pictures that no other is predicted from: H.264 marks them, and
# those of MPEG-4 are its B-frames. HEVC's marks are no use: they hold for one temporal layer only.
SKIPPING = {"h264", "mpeg4"}


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
    codec, header = stream.codec_context.codec.canonical_name, stream.codec_context.extradata
    # Headers that change, beside the packets: what follows needs them, and what is before must not be read with them.
    if container not in (AVI, *TIMED) or any(packet.has_sidedata("new_extradata") for packet in packets):
        return None
    starts = [0]
    if codec == "mjpeg":  # every picture stands for itself
        order = starts = list(range(len(packets)))
    elif codec == "mpeg4":
        packets, order = mpeg4.pictures_of(header, packets)
    elif codec in ("h264", "hevc") and container in TIMED:
        order, starts = _order_and_starts(codec, stream.codec_context, packets)
    elif codec in ("vp9", "av1") and container in TIMED:
        order = _order_of_times(packets, delay=0)
    else:
        return None
    positions = [position for position in order if not packets[position].is_discard]
    if not positions:
        return None
    for packet in packets:
        packet.pts = -1
    for number, position in enumerate(positions):
        packets[position].pts = number
    return Timeline(packets, positions, starts, codec in SKIPPING)


def _order_and_starts(codec: str, context: av.VideoCodecContext, packets: list[av.Packet]):
    """Returns the packets of H.264 or HEVC in the order shown, none if it is not sure, and where decoding may begin."""
    order, delay = _order_of_times(packets, delay=context.reorder_depth), context.reorder_depth
    try:
        units = NALUnits(codec, context.extradata)
    except ValueError:
        return [], [0]
    # Of a film that was cut anywhere decoders leave out pictures that are sent.
    if order[:1] != [0] or not units.begins_anew(packets[0]):
        return [], [0]
    # Not every header tells of B-frames, so the times of these, too, may be in the order sent.
    if codec == "h264" and not delay and units.h264_has_b_slices(packets):
        return [], [0]
    starts = units.h264_starts(packets) if codec == "h264" else [0]
    last = [-1, *itertools.accumulate(order, max)]  # of the packets that hold the first 0, 1, 2, ... frames
    if any(last[start] >= start for start in starts):  # a frame from before a start is shown after it: wrong times
        return [], [0]
    return order, starts


def _order_of_times(packets: list[av.Packet], *, delay: int) -> list[int]:
    """Returns the packets in the order of their times; none if these cannot be trusted.

    `delay` is how many pictures the decoder holds back to put them in order. Where the times ask for more, it shows
    them in another order, or drops some. A stream that is said to show pictures in another order than it sends them,
    with times in the order sent: whoever wrote the file did not know.
    """
    times = [packet.pts for packet in packets]
    if None in times or len(set(times)) < len(times):
        return []
    asked, sent = 0, []
    for time in times:
        place = bisect.bisect(sent, time)
        asked = max(asked, len(sent) - place)
        sent.insert(place, time)
    if asked > delay or (delay and not asked):
        return []
    return sorted(range(len(times)), key=times.__getitem__)
