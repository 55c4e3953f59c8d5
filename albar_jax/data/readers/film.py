"""Holds the packets of a film in memory and decodes any of them with PyAV."""

from collections.abc import Collection, Iterator

import av

from albar_jax.data.readers import streams
from albar_jax.data.readers.film_file import FilmFile
from albar_jax.data.readers.timeline import Timeline, timeline_of
from albar_jax.storage.budget import Budget


class Film(FilmFile):
    """An open video file. While it is open, all of its compressed packets are in memory.

    Args:
      source: path of the file, or its bytes.
      name: name of the film for messages.
      form: name of the container; None detects it.
      lenient: whether to return damaged frames as the decoder conceals them.
      budget: limits on the bytes of the video stream.

    Attributes:
      name: name of the film for messages.
      stream: the video stream.
      packets: packets in decoding order.
      timeline: the frame of each packet; None if it is unknown without decoding.

    Raises:
      DecodeError: the file is not a film, or is damaged.
    """

    def __init__(
        self, source: str | bytes, name: str, form: str | None, *, lenient: bool, budget: Budget
    ):
        super().__init__(source, name, form, lenient=lenient)
        self.timeline: Timeline | None = None
        try:
            stream, self.packets = streams.read_film(self._container, name, budget)
            self._use(stream)
            self._lead = streams.count_before_keyframe(self.packets)
            self.timeline = timeline_of(self.container_name, stream, self.packets)
            if self.timeline is not None:
                self.packets = self.timeline.packets
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the film and frees its packets."""
        self.timeline = None
        self.packets = []
        self._close_file()

    def decode(
        self, runs: Collection[range] | None = None, wanted: Collection[int] | None = None
    ) -> Iterator[av.VideoFrame]:
        """Decodes packets.

        Args:
          runs: ranges of packet positions to decode; None decodes all packets.
          wanted: frame numbers that must be decoded. The decoder may skip other frames that no
            frame needs. None skips nothing. Needs a timeline.

        Yields:
          Frames in display order.

        Raises:
          DecodeError: a packet cannot be decoded.
        """
        # After a flush, a decoder would still have the headers that it read last, which need not
        # fit.
        if self._codec.is_open:
            self._open_again()

        shown = 0
        for place in self._places(runs or [range(len(self.packets))]):
            packet = None if place is None else self.packets[place]
            if packet is not None:
                is_wanted = wanted is None or packet.pts in wanted
                self._codec.skip_frame = "DEFAULT" if is_wanted else "NONREF"

            frames = self._decode(packet, place, shown)
            shown += len(frames)
            yield from frames

            if place is None:
                self._codec.flush_buffers()

    def _places(self, runs: Collection[range]) -> Iterator[int | None]:
        """Yields the packet positions of runs, and None where the decoder must be drained."""
        is_flushed = self.timeline is not None and self.timeline.flushed
        for number, run in enumerate(runs):
            if number and is_flushed:
                yield None
            yield from run
        yield None

    def _may_fail(self, place: int | None, shown: int) -> bool:
        """Returns whether a failed packet is harmless.

        It is if it precedes the first keyframe, or if it is the last packet of a film that is cut
        off.
        """
        if place is None or self.timeline is not None:
            return False
        if shown:
            return place == len(self.packets) - 1
        return self._lead > 0

    def _failed_number(self, place: int | None, shown: int) -> int:
        """Returns the frame number of a packet that failed after `shown` frames."""
        if self._lead or place is None:
            return shown
        return streams.number_of(self.packets, place, shown)
