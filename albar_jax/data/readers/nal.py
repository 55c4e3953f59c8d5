"""Reads NAL units of H.264 and HEVC to find packets where decoding can begin, and B-frames.

Applies to films with an "avcC" or "hvcC" header (ISO/IEC 14496-15): each unit follows its length.
"""

import io
from collections.abc import Iterator, Sequence

import av

# Types of NAL units: ITU-T H.264 table 7-1, H.265 table 7-1.
# Pictures that need no earlier data, and after which no earlier picture is shown.
REFRESH = {"h264": {5}, "hevc": {19, 20}}
PARAMETER_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}
H264_SLICES = {1, 5}
# Bidirectionally predicted slices: ITU-T H.264 table 7-6.
B_SLICES = {1, 6}
# CRA pictures, where decoding can begin, too, and their leading pictures that need earlier pictures
# (RASL).
HEVC_STARTS, HEVC_RASL = {*REFRESH["hevc"], 21}, {8, 9}
# The decoder always drops the RASL pictures of a BLA picture, and of keyframes after an end of
# sequence. 22 and 23 are reserved.
HEVC_DROPS = {16, 17, 18, 22, 23, 36, 37}
# Offset of the byte of a header that gives the size of the length fields.
LENGTH_SIZE = {"h264": 4, "hevc": 21}


class NALUnits:
    """A reader of the NAL units in the packets of a film.

    Args:
      codec: "h264" or "hevc".
      header: header of the stream.

    Raises:
      ValueError: the header is neither avcC nor hvcC, so units do not follow their length.
    """

    def __init__(self, codec: str, header: bytes | None):
        if not header or header[0] != 1 or len(header) <= LENGTH_SIZE[codec]:
            raise ValueError("neither avcC nor hvcC")

        self._codec = codec
        self._length_size = (header[LENGTH_SIZE[codec]] & 3) + 1
        self._parameter_sets = set(_parameter_sets(codec, header))

    def begins_anew(self, packet: av.Packet) -> bool:
        """Returns whether decoding can begin at this packet and shows it first (an IDR picture)."""
        types, _ = self._scan(packet)
        return bool(types & REFRESH[self._codec])

    def starts(self, packets: Sequence[av.Packet]) -> dict[int, int]:
        """Returns the packets where decoding can begin, with the extent of their leading pictures.

        Leading pictures of a packet are shown before it and may be predicted from earlier pictures.

        Args:
          packets: all packets in decoding order.

        Returns:
          {packet: last packet that cannot be decoded from there, itself if all can}. The packets in
          between are leading pictures. Empty if the decoder drops pictures.
        """
        if self._codec == "hevc":
            return self._hevc_starts(packets)
        return {start: start for start in self._h264_starts(packets)}

    def _h264_starts(self, packets: Sequence[av.Packet]) -> list[int]:
        """Returns the packets where decoding can begin, if the first packet is decoded, too."""
        starts = [0]
        known_sets = None
        for position, packet in enumerate(packets):
            types, sets = self._scan(packet)
            if known_sets is None:
                known_sets = self._parameter_sets.union(sets)

            # Later pictures may need these parameter sets.
            if not known_sets.issuperset(sets):
                break
            if position and types & REFRESH["h264"]:
                starts.append(position)

        return starts

    def _hevc_starts(self, packets: Sequence[av.Packet]) -> dict[int, int]:
        """Returns the starts of HEVC; see `starts`."""
        starts = {0: 0}
        current = 0
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

    def h264_has_b_slices(self, packets: Sequence[av.Packet]) -> bool:
        """Returns whether any slice is bidirectionally predicted, or too damaged to tell."""
        for data in map(bytes, packets):
            for kind, start, _ in self._units(data):
                if kind not in H264_SLICES:
                    continue
                slice_type = _slice_type(data[start + 1 : start + 13])
                if slice_type is None or slice_type in B_SLICES:
                    return True

        return False

    def _scan(self, packet: av.Packet) -> tuple[set[int], list[bytes]]:
        """Returns the types of a packet's units, and its parameter sets."""
        types = set()
        sets = []
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
        size = self._length_size
        end = len(data)
        at = 0
        is_h264 = self._codec == "h264"
        while at + size < end:
            start = at + size
            at = start + int.from_bytes(data[at:start])
            head = data[start]

            kind = -1
            if is_h264:
                kind = head & 31
            elif start + 1 < end and not (head & 1 or data[start + 1] >> 3):
                kind = head >> 1 & 63
            yield kind, start, at


def _parameter_sets(codec: str, header: bytes) -> list[bytes]:
    """Returns the parameter sets of an avcC or hvcC header."""
    data = io.BytesIO(header)
    sets = []

    def number(size: int) -> int:
        return int.from_bytes(data.read(size))

    data.seek(LENGTH_SIZE[codec] + 1)
    # H.264 has two arrays: sequence parameter sets and picture parameter sets.
    count_of_arrays = 2 if codec == "h264" else number(1)
    for array in range(count_of_arrays):
        if codec == "hevc":
            # Begins with the unit type.
            count = number(3) & 0xFFFF
        elif array == 0:
            # Begins with three other bits.
            count = number(1) & 0x1F
        else:
            count = number(1)

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

        end = 2 * zeros + 1
        number = int(bits[zeros:end], 2) - 1
        bits = bits[end:]

    return number
