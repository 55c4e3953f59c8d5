"""Which frame each packet of a film holds and where decoding may begin, told from the packets, without decoding.

Only where that is sure; `timeline_of` returns None for any other film, and only decoding it whole tells. (The frame
count in a file's header is no help: AVI counts dropped frames, MP4 counts trimmed ones.)
"""

import bisect
import dataclasses
import itertools
from collections.abc import Collection

import av

from albar_jax.data.readers import frame_headers, mpeg4
from albar_jax.data.readers.nal import NALUnits

# Containers that hold one frame per packet, each with the time when it is shown, for codecs that show every packet.
# Elsewhere (pictures sent as two fields, hidden frames, streams cut anywhere) a packet is not a frame.
AVI, MP4, MATROSKA = "avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
TIMED = {MP4, MATROSKA}
# Codecs whose decoder, told to, leaves out exactly the pictures that no other is predicted from: H.264 marks them, and
# those of MPEG-4 are its B-frames. HEVC's marks are no use: they hold for one temporal layer only.
SKIPPING = {"h264", "mpeg4"}


# Codecs whose first packet may hold data that every picture needs. In H.264 only the first packet
# carries the x264 version, and decoders read 4:4:4 of x264 before core 151 differently.
NEEDS_FIRST = {"h264"}
# Codecs whose decoders must be flushed at each jump.
FLUSHED = {"hevc", "vp9", "av1"}


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The packets of a film in decoding order, one picture each.

    Attributes:
      packets: packets in decoding order. The pts of each is its frame number, or -1 if it is not
        shown. Decoders pass the pts on.
      positions: frame number -> its packet.
      starts: packets where decoding can begin, ascending from 0. Maps each to the last packet that
        cannot be decoded from there, itself if all can.
      skipping: whether the decoder may skip unwanted frames that no other frame needs.
      flushed: whether the decoder must be flushed where packets are skipped.
      needs_first: whether decoding from any start needs the first packet, too.
    """

    packets: list[av.Packet]
    positions: list[int]
    starts: dict[int, int]
    skipping: bool = False
    flushed: bool = False
    needs_first: bool = False

    def needed(self, numbers: Collection[int]) -> list[range]:
        """Returns the packets to decode for these frames as runs of positions in decoding order."""
        runs = [range(0, 1)] if self.needs_first else []
        starts = list(self.starts)
        for position in sorted(self.positions[number] for number in numbers):
            place = bisect.bisect_right(starts, position) - 1
            while starts[place] < position <= self.starts[starts[place]]:
                place -= 1
            reached = runs[-1].stop if runs else 0
            if runs and starts[place] <= reached:
                runs[-1] = range(runs[-1].start, max(reached, position + 1))
            else:
                runs.append(range(starts[place], position + 1))

        return runs


def timeline_of(
    container: str, stream: av.VideoStream, packets: list[av.Packet]
) -> Timeline | None:
    """Returns the timeline of a film in this container, or None; changes the packets only if it can be told."""
    context = stream.codec_context
    codec = context.codec.canonical_name
    # Headers that change, beside the packets: what follows needs them, and what is before must not be read with them.
    if container not in (AVI, *TIMED) or any(
        packet.has_sidedata("new_extradata") for packet in packets
    ):
        return None
    starts = {0: 0}
    if codec == "mjpeg":
        order = list(range(len(packets))) if _stand_alone(packets) else []
        starts = dict(enumerate(order))
    elif codec == "mpeg4":
        packets, order = mpeg4.pictures_of(context.extradata, packets)
    elif codec in ("h264", "hevc") and container in TIMED:
        order, starts = _order_and_starts(codec, context, packets)
    elif codec in ("vp9", "av1") and container in TIMED:
        starts = {start: start for start in frame_headers.starts_of(codec, packets)}
        order = _order_of_times(packets, delay=0) if starts else []
    else:
        return None
    positions = [position for position in order if not packets[position].is_discard]
    if not positions:
        return None
    for packet in packets:
        packet.pts = -1
    for number, position in enumerate(positions):
        packets[position].pts = number
    return Timeline(
        packets,
        positions,
        starts,
        skipping=codec in SKIPPING,
        flushed=codec in FLUSHED,
        needs_first=codec in NEEDS_FIRST,
    )


def _stand_alone(packets: list[av.Packet]) -> bool:
    """Returns whether every JPEG has its own tables and does not rely on the previous picture's."""
    headers = [bytes(packet).partition(b"\xff\xda")[0] for packet in packets]
    # JPEGs without Huffman tables use the standard ones.
    have_huffman_tables = {b"\xff\xc4" in header for header in headers}
    return len(have_huffman_tables) == 1 and all(b"\xff\xdb" in header for header in headers)


def _order_and_starts(
    codec: str, context: av.VideoCodecContext, packets: list[av.Packet]
) -> tuple[list[int], dict[int, int]]:
    """Returns the packets of H.264 or HEVC in the order shown, none if it is not sure, and where decoding may begin."""
    order, delay = _order_of_times(packets, delay=context.reorder_depth), context.reorder_depth
    try:
        units = NALUnits(codec, context.extradata)
    except ValueError:
        return [], {}
    # Of a film that was cut anywhere decoders leave out pictures that are sent.
    if order[:1] != [0] or not units.begins_anew(packets[0]):
        return [], {}
    # Not every header tells of B-frames, so the times of these, too, may be in the order sent.
    if codec == "h264" and not delay and units.h264_has_b_slices(packets):
        return [], {}
    starts = (
        units.hevc_starts(packets)
        if codec == "hevc"
        else {start: start for start in units.h264_starts(packets)}
    )
    last = [
        -1,
        *itertools.accumulate(order, max),
    ]  # of the packets that hold the first 0, 1, 2, ... frames
    if any(
        last[start] >= start for start in starts
    ):  # a frame from before a start is shown after it: wrong times
        return [], {}
    return (order, starts) if starts else ([], {})


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
        # In one step, because repeated insertion far from the end would take quadratic time.
        if asked > delay:
            return []
        sent.insert(place, time)
    if delay and not asked:
        return []
    return sorted(range(len(times)), key=times.__getitem__)
