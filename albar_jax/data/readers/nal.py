"""Reads NAL units of H.264 and HEVC to find packets where decoding can begin, and B-frames.

Applies to films with an "avcC" or "hvcC" header (ISO/IEC 14496-15): each unit follows its length.
"""

import io
from collections.abc import Iterator

import av

# Types of NAL units: ITU-T H.264 table 7-1, H.265 table 7-1. The pictures are those from which on nothing before is
# needed and before which nothing is shown.
REFRESH = {"h264": {5}, "hevc": {19, 20}}
PARAMETER_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}
H264_SLICES = {1, 5}
B_SLICES = {1, 6}  # ITU-T H.264 table 7-6
# CRA pictures, where decoding can begin, too, and their leading pictures that need earlier pictures
# (RASL).
HEVC_STARTS, HEVC_RASL = {*REFRESH["hevc"], 21}, {8, 9}
# The decoder always drops the RASL pictures of a BLA picture, and of keyframes after an end of
# sequence. 22 and 23 are reserved.
HEVC_DROPS = {16, 17, 18, 22, 23, 36, 37}
# Where a header says how long a length is.
LENGTH_SIZE = {"h264": 4, "hevc": 21}


class NALUnits:
    """Reads the packets of a film; raises ValueError if its header is not what lengths are told by."""

    def __init__(self, codec: str, header: bytes | None):
        if not header or header[0] != 1 or len(header) <= LENGTH_SIZE[codec]:
            raise ValueError("neither avcC nor hvcC")
        self._codec = codec
        self._length_size = (header[LENGTH_SIZE[codec]] & 3) + 1
        self._parameter_sets = set(_parameter_sets(codec, header))

    def begins_anew(self, packet: av.Packet) -> bool:
        """Whether decoding may begin at this packet and shows it first (an IDR picture)."""
        types, _ = self._scan(packet)
        return bool(types & REFRESH[self._codec])

    def h264_starts(self, packets: list[av.Packet]) -> list[int]:
        """Returns the packets where decoding can begin, given the first packet."""
        starts, known = [0], None
        for position, packet in enumerate(packets):
            types, sets = self._scan(packet)
            if known is None:
                known = self._parameter_sets.union(sets)
            if not known.issuperset(sets):
                # Later pictures may need these parameter sets.
                break
            if position and types & REFRESH["h264"]:
                starts.append(position)
        return starts

    def hevc_starts(self, packets: list[av.Packet]) -> dict[int, int]:
        """Returns the packets where decoding can begin, with the extent of their leading pictures.

        Returns:
          {packet: last packet that cannot be decoded from there, itself if all can}. The packets in
            between are leading pictures: they are shown before it and may be predicted from earlier
            pictures. Empty if the decoder drops pictures.
        """
        starts, current = {0: 0}, 0
        sets_are_known = True
        for position, packet in enumerate(packets):
            types, sets = self._scan(packet)
            # A picture of this type may not follow an IDR, so the film is damaged.
            if types & HEVC_DROPS or (types & HEVC_RASL and not current):
                return {}
            sets_are_known &= self._parameter_sets.issuperset(sets)
            if position and sets_are_known and types & HEVC_STARTS:
                starts[position] = current = position
            elif types & HEVC_RASL:
                starts[current] = position

        return starts

    def h264_has_b_slices(self, packets: list[av.Packet]) -> bool:
        """Returns whether any slice is bidirectionally predicted, or too damaged to tell."""
        for data in map(bytes, packets):
            for kind, start, _ in self._units(data):
                if kind in H264_SLICES and _slice_type(data[start + 1 : start + 13]) in (
                    None,
                    *B_SLICES,
                ):
                    return True
        return False

    def _scan(self, packet: av.Packet) -> tuple[set[int], list[bytes]]:
        """Returns the types of a packet's units, and its parameter sets."""
        types, sets = set(), []
        wanted = PARAMETER_SETS[self._codec]
        # Indexing bytes is faster than indexing the packet.
        data = bytes(packet)
        for kind, start, end in self._units(data):
            types.add(kind)
            if kind in wanted:
                sets.append(data[start:end])

        return types, sets

    def _units(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """Yields type, start and end of each unit.

        The type is -1 for units of higher layers, which decoders do not show.
        """
        size, end, at = self._length_size, len(data), 0
        is_h264 = self._codec == "h264"
        while at + size < end:
            start = at + size
            at = start + int.from_bytes(data[at:start])
            head = data[start]
            if is_h264:
                yield head & 31, start, at
            else:
                is_of_first_layer = start + 1 < end and not (head & 1 or data[start + 1] >> 3)
                yield (head >> 1 & 63 if is_of_first_layer else -1), start, at


def _parameter_sets(codec: str, header: bytes) -> list[bytes]:
    """Returns the parameter sets of an avcC or hvcC header."""
    data = io.BytesIO(header)
    sets = []

    def number(size: int) -> int:
        return int.from_bytes(data.read(size))

    data.seek(LENGTH_SIZE[codec] + 1)
    for array in range(2 if codec == "h264" else number(1)):
        # Arrays of HEVC begin with their unit type, the first array of H.264 with three other bits.
        count = number(3) & 0xFFFF if codec == "hevc" else number(1) & (0xFF if array else 0x1F)
        sets += [data.read(number(2)) for _ in range(count)]

    return sets


def _slice_type(header: bytes) -> int | None:
    """Returns the `slice_type` of an H.264 slice: the second Exp-Golomb number of its header.

    Returns None if the header is too damaged to hold it.
    """
    bits = f"{int.from_bytes(header.ljust(12, b'1')):096b}"
    for _ in range(2):
        zeros = bits.find("1")
        if not 0 <= 2 * zeros < len(bits):
            return None
        number, bits = int(bits[zeros : 2 * zeros + 1], 2) - 1, bits[2 * zeros + 1 :]
    return number
