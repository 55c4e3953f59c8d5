"""Decodes a film from its first frame to its last one, with only a few packets in memory.

The file is read twice: the first pass finds the video stream and cut-off packets, the second one
decodes. The frames are the ones that `pyav` reads from the same film, which holds all packets.
"""

import contextlib
import dataclasses
from collections.abc import Iterator

import av

from albar_jax.data.readers import streams, timeline
from albar_jax.data.readers.base import DecodeError
from albar_jax.data.readers.damage import with_damage
from albar_jax.data.readers.film_file import FilmFile
from albar_jax.data.readers.streamed_packets import FilePackets, FrameTimes, PacketCounts
from albar_jax.storage.budget import Budget

# Codecs whose decoders may leave out a picture without an error.
_DROPPING = {"h264", "hevc", "vp9", "av1"}


class StreamedFilm(FilmFile):
    """An open film that is decoded once, in display order.

    Args:
      source: path of the film, or its bytes.
      name: name of the film for messages.
      form: name of the container; None detects it.
      lenient: whether to return damaged frames as the decoder conceals them.
      budget: limits on the bytes of the video stream. A stream may always be as large as its file.

    Attributes:
      num_packets: number of packets of the video stream that are shown. It is the number of frames
        of most films.

    Raises:
      DecodeError: the file is not a film, or is cut off.
    """

    def __init__(
        self, source: str | bytes, name: str, form: str | None, *, lenient: bool, budget: Budget
    ):
        super().__init__(source, name, form, lenient=lenient)
        # See `_is_sure`.
        self._sure: bool | None = None
        try:
            # Only a few packets are in memory, so a large film is not a danger. A small file whose
            # tables refer to the same bytes many times is.
            size = max(budget.bytes, self._file_size())
            self._budget = dataclasses.replace(budget, bytes=size)
            counts = self._scan()
        except BaseException:
            self.close()
            raise

        self.num_packets = counts.shown
        self._count = counts.packets
        self._lead = counts.keyframe or 0

    def frames(self) -> Iterator[tuple[int, av.VideoFrame, bool]]:
        """Yields (number, frame, is damaged) in display order.

        Raises:
          DecodeError: a packet cannot be decoded, or the decoder leaves out a picture.
        """
        last = None
        was_sound = False
        try:
            for number, (frame, is_damaged) in enumerate(with_damage(self._decode_all())):
                if last is not None:
                    yield last
                    was_sound = not last[2]
                last = number, frame, is_damaged
        except DecodeError:
            # Faults are reported in the order of the frames.
            if last is not None:
                yield last
            raise

        # The last frame of a film that is cut off is incomplete.
        is_cut_off = last is not None and last[2] and was_sound and not self.lenient
        if last is not None and not (is_cut_off and not self._is_sure()):
            yield last

    def _decode_all(self) -> Iterator[av.VideoFrame]:
        """Decodes all packets and yields the frames in display order. Raises DecodeError."""
        # The first pass has reached the end of the file.
        self._open_again()
        times = FrameTimes(self._codec_drops())
        shown = 0

        for place, packet in enumerate(self._packets_and_end()):
            if packet is not None:
                times.send(packet)
            for frame in self._decode(packet, place, shown):
                self._check(times.follows(frame), shown)
                shown += 1
                yield frame

        self._check(times.is_complete(), shown)

    def _packets_and_end(self) -> Iterator[av.Packet | None]:
        """Yields all packets, and None to drain the decoder."""
        yield from self.packets_to_come(self._budget)
        yield None

    def _check(self, is_next: bool, number: int) -> None:
        """Raises DecodeError if the decoder has left out a frame that the packets promise."""
        if not is_next and self._is_sure():
            raise DecodeError(f"{self.name}: frame {number} could not be decoded")

    def _may_fail(self, place: int | None, shown: int) -> bool:
        """Returns whether a failed packet is harmless; see `film.Film`."""
        is_end = place == self._count
        is_harmless = place == self._count - 1 if shown else self._lead > 0
        return is_harmless and not is_end and not self._is_sure()

    def _failed_number(self, place: int | None, shown: int) -> int:
        """Returns the frame number of a packet that failed after `shown` frames."""
        if self._lead or place is None or place == self._count:
            return shown
        return streams.number_of(self._all_packets(), place, shown)

    def _scan(self) -> PacketCounts:
        """Chooses the video stream and counts its packets. Raises DecodeError."""
        films = streams.films_of(self._container, self.name)
        counts_of = {stream.index: PacketCounts() for stream in films}
        for packet in streams.demux(self._container, films, self.name, self._budget):
            counts_of[packet.stream_index].add(packet)

        film = streams.shown_first(films, {index: counts_of[index].packets for index in counts_of})
        counts = counts_of[film.index]
        if counts.corrupt is not None:
            raise streams.cut_off(self.name, counts.corrupt)
        self._use(film)

        return counts

    def _codec_drops(self) -> bool:
        is_timed = self.container_name in timeline.TIMED
        return is_timed and self.codec_name in _DROPPING

    def _is_sure(self) -> bool:
        """Returns whether the packets alone show which frame each of them holds.

        This takes several passes over the file, so only films with a fault are asked.
        """
        if self._sure is None:
            with contextlib.closing(self._twin()) as twin:
                self._sure = timeline.is_sure(self.container_name, twin.stream, self._all_packets())
        return self._sure

    def _all_packets(self) -> "FilePackets":
        return FilePackets(self._twin, self._budget, self._count)

    def _twin(self) -> FilmFile:
        """Opens the film again, at its first packet."""
        return FilmFile(
            self._source, self.name, self._form, lenient=self.lenient, index=self._index
        )
