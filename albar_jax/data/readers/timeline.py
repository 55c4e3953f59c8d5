"""Finds the frame of each packet, and where decoding can begin, from the packets alone.

`timeline_of` returns None for films where this is not sure; these must be decoded as a whole. The
frame count in a file's header does not help: AVI counts dropped frames, MP4 counts trimmed ones.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Collection, Sequence

import av

from albar_jax.data.readers import frame_headers, mpeg4
from albar_jax.data.readers.nal import NALUnits
from albar_jax.data.readers.streams import AVI, MATROSKA, MP4

# Containers with one frame per packet, each with its display time, for codecs that show every
# packet. In other containers a packet is not a frame: pictures are sent as two fields, frames are
# hidden, or streams begin anywhere.
TIMED = {MP4, MATROSKA}
# Codecs whose decoders can skip exactly the pictures that no other picture is predicted from. H.264
# marks these pictures, and in MPEG-4 they are the B-frames. The marks of HEVC hold only for one
# temporal layer.
SKIPPING = {"h264", "mpeg4"}
# Codecs whose first packet may hold data that every picture needs. In H.264 only the first packet
# carries the x264 version, and decoders read 4:4:4 of x264 before core 151 differently.
NEEDS_FIRST = {"h264"}
# Codecs whose decoders must be flushed at each jump.
FLUSHED = {"hevc", "vp9", "av1"}
# Packets with one picture each, their display order, and the starts; see `Timeline`.
_Pictures = tuple[Sequence[av.Packet], list[int], dict[int, int]]


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
        """Returns the packets to decode for some frames.

        Args:
          numbers: frame numbers.

        Returns:
          Ranges of positions in decoding order, ascending and without overlap.
        """
        runs = [range(0, 1)] if self.needs_first else []
        starts = list(self.starts)

        for position in sorted(self.positions[number] for number in numbers):
            # The last start from which this packet can be decoded.
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
    """Returns the timeline of a film, or None if it is not sure without decoding.

    Writes the frame numbers into the packets' timestamps, unless it returns None.

    Args:
      container: name of the container, as ffmpeg calls it.
      stream: the video stream.
      packets: its packets in decoding order.
    """
    pictures, order, starts = _pictures_of(container, stream, packets, keeps=True)
    positions = [position for position in order if not pictures[position].is_discard]
    if not positions:
        return None

    for picture in pictures:
        picture.pts = -1
    for number, position in enumerate(positions):
        pictures[position].pts = number

    codec = stream.codec_context.codec.canonical_name
    return Timeline(
        list(pictures),
        positions,
        starts,
        skipping=codec in SKIPPING,
        flushed=codec in FLUSHED,
        needs_first=codec in NEEDS_FIRST,
    )


def is_sure(container: str, stream: av.VideoStream, packets: Sequence[av.Packet]) -> bool:
    """Returns whether the packets show which frame each of them holds; changes no packet.

    Args:
      container: name of the container, as ffmpeg calls it.
      stream: the video stream; its decoder has not decoded anything.
      packets: its packets in decoding order. They may be read from the file at each iteration.
    """
    _, order, _ = _pictures_of(container, stream, packets, keeps=False)
    return bool(order)


def _pictures_of(
    container: str, stream: av.VideoStream, packets: Sequence[av.Packet], *, keeps: bool
) -> _Pictures:
    """Returns packets with one picture each, their display order, and the starts.

    The order is empty if it is not sure. See `Timeline` for the starts. Unless `keeps`, no packet
    is held in memory, and the packets are returned as they were given.
    """
    nothing: _Pictures = packets, [], {}
    if container not in (AVI, *TIMED):
        return nothing
    # The headers change with these packets. Later packets need the new headers, and earlier packets
    # must not be read with them.
    if any(packet.has_sidedata("new_extradata") for packet in packets):
        return nothing

    context = stream.codec_context
    if context.codec.canonical_name == "mpeg4":
        if not keeps:
            return packets, mpeg4.order_of(context.extradata, packets), {0: 0}
        return *mpeg4.pictures_of(context.extradata, packets), {0: 0}

    return _pictures(context.codec.canonical_name, container, context, packets)


def _pictures(
    codec: str, container: str, context: av.VideoCodecContext, packets: Sequence[av.Packet]
) -> _Pictures:
    """Returns the result of `_pictures_of` by the rules of the codec."""
    if codec == "mjpeg":
        order = list(range(len(packets))) if _stand_alone(packets) else []
        return packets, order, dict(enumerate(order))

    if codec in ("h264", "hevc") and container in TIMED:
        return packets, *_order_and_starts(codec, context, packets)

    if codec in ("vp9", "av1") and container in TIMED:
        starts = frame_headers.starts_of(codec, packets)
        order = _order_of_times(packets, delay=0) if starts else []
        return packets, order, {start: start for start in starts}

    return packets, [], {}


def _stand_alone(packets: Sequence[av.Packet]) -> bool:
    """Returns whether every JPEG has its own tables and does not rely on the previous picture's."""
    have_huffman_tables = set()
    for packet in packets:
        header = bytes(packet).partition(b"\xff\xda")[0]
        # JPEGs without Huffman tables use the standard tables.
        have_huffman_tables.add(b"\xff\xc4" in header)
        has_quantization_tables = b"\xff\xdb" in header
        if len(have_huffman_tables) > 1 or not has_quantization_tables:
            return False

    return bool(have_huffman_tables)


def _order_and_starts(
    codec: str, context: av.VideoCodecContext, packets: Sequence[av.Packet]
) -> tuple[list[int], dict[int, int]]:
    """Returns the display order of H.264 or HEVC packets, and the starts.

    Both are empty if they are not sure.
    """
    nothing: tuple[list[int], dict[int, int]] = [], {}
    delay = context.reorder_depth
    order = _order_of_times(packets, delay=delay)
    try:
        units = NALUnits(codec, context.extradata)
    except ValueError:
        return nothing

    # In a film that begins anywhere, decoders leave out some pictures.
    if order[:1] != [0] or not units.begins_anew(packets[0]):
        return nothing
    # Some headers do not announce B-frames, so the times of such films, too, may be in decoding
    # order.
    if codec == "h264" and not delay and units.h264_has_b_slices(packets):
        return nothing

    starts = units.starts(packets)
    # The last packet among the packets of the first 0, 1, 2, ... frames.
    last = [-1, *itertools.accumulate(order, max)]
    # A picture from before a start is shown after it, so the times are wrong.
    if not starts or any(last[start] >= start for start in starts):
        return nothing

    return order, starts


def _order_of_times(packets: Sequence[av.Packet], *, delay: int) -> list[int]:
    """Returns the packets in the order of their times; none if the times are not reliable.

    If the times require a longer delay than the decoder has, it shows the pictures in another
    order, or drops some. If a stream announces reordering but its times are in decoding order, the
    program that wrote the file did not know the display order.

    Args:
      packets: packets in decoding order.
      delay: number of pictures that the decoder holds back to reorder them.
    """
    times = [packet.pts for packet in packets if packet.pts is not None]
    if len(set(times)) < len(packets):
        return []

    required = 0
    # The times of the packets so far, ascending.
    sent: list[int] = []
    for time in times:
        place = bisect.bisect(sent, time)
        required = max(required, len(sent) - place)
        # At once, because repeated insertion far from the end would take quadratic time.
        if required > delay:
            return []
        sent.insert(place, time)

    if delay and not required:
        return []

    return sorted(range(len(times)), key=times.__getitem__)
