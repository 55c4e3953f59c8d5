"""What the NAL units of H.264 and HEVC tell without decoding: where a film begins anew, and whether it has B-frames.

Of films whose headers are an "avcC" or "hvcC" (ISO/IEC 14496-15), where each unit follows its length.
"""

import itertools
from collections.abc import Iterator

import av

# Types of NAL units: ITU-T H.264 table 7-1, H.265 table 7-1. The pictures are those from which on nothing before is
# needed and before which nothing is shown.
REFRESH = {"h264": {5}, "hevc": {19, 20}}
H264_SLICES, H264_PARAMETER_SETS = {1, 5}, {7, 8}
B_SLICES = {1, 6}  # ITU-T H.264 table 7-6
# Where a header says how long a length is.
LENGTH_SIZE = {"h264": 4, "hevc": 21}


class NALUnits:
    """Reads the packets of a film; raises ValueError if its header is not what lengths are told by."""

    def __init__(self, codec: str, header: bytes | None):
        if not header or header[0] != 1 or len(header) <= LENGTH_SIZE[codec]:
            raise ValueError("neither avcC nor hvcC")
        self._codec = codec
        self._length_size = (header[LENGTH_SIZE[codec]] & 3) + 1

    def begins_anew(self, packet: av.Packet) -> bool:
        """Whether decoding may begin at this packet and shows it first (an IDR picture)."""
        return bool(self._types(packet) & REFRESH[self._codec])

    def h264_starts(self, packets: list[av.Packet]) -> list[int]:
        """Returns the packets from which on decoding needs none before; none from the first parameter sets on."""
        starts = [0]
        for position, packet in enumerate(packets):
            types = self._types(packet)
            if types & H264_PARAMETER_SETS:
                break
            if position and types & REFRESH["h264"]:
                starts.append(position)
        return starts

    def h264_has_b_slices(self, packets: list[av.Packet]) -> bool:
        """Whether any slice of the film is predicted from two sides."""
        units = itertools.chain.from_iterable(map(self._units, packets))
        return any(unit[0] & 31 in H264_SLICES and _slice_type(unit) in B_SLICES for unit in units)

    def _types(self, packet: av.Packet) -> set[int]:
        shift, mask = (0, 31) if self._codec == "h264" else (1, 63)
        return {unit[0] >> shift & mask for unit in self._units(packet)}

    def _units(self, packet: av.Packet) -> Iterator[memoryview]:
        data, at = memoryview(packet), 0
        while at + self._length_size < len(data):
            start = at + self._length_size
            at = start + int.from_bytes(data[at:start])
            yield data[start : max(at, start + 1)]


def _slice_type(unit: memoryview) -> int:
    """Returns the `slice_type` of an H.264 slice: the second number, both Exp-Golomb coded, after one byte."""
    bits = f"{int.from_bytes(bytes(unit[1:13]).ljust(12, b'1')):096b}"
    for _ in range(2):
        zeros = bits.index("1")
        number, bits = int(bits[zeros : 2 * zeros + 1], 2) - 1, bits[2 * zeros + 1 :]
    return number
