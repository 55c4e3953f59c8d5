"""Counts and compares the packets of a film that pass by without being held in memory."""

import contextlib
import dataclasses
import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import overload

import av

from albar_jax.data.readers.film_file import FilmFile
from albar_jax.storage.budget import Budget


@dataclasses.dataclass
class PacketCounts:
    """The packets of one stream.

    Attributes:
      packets: number of packets.
      shown: number of packets that the container does not trim.
      keyframe: number of the first keyframe; None if none is marked.
      corrupt: number of the first packet that is not whole; None if all are.
    """

    packets: int = 0
    shown: int = 0
    keyframe: int | None = None
    corrupt: int | None = None

    def add(self, packet: av.Packet) -> None:
        """Counts the next packet."""
        if packet.is_keyframe and self.keyframe is None:
            self.keyframe = self.packets
        if packet.is_corrupt and self.corrupt is None:
            self.corrupt = self.packets

        self.packets += 1
        self.shown += not packet.is_discard


class FrameTimes:
    """Compares the times of decoded frames with the times of the packets.

    Frames have the times of their packets and are shown in ascending order. If a time is left out,
    the decoder has dropped a picture.

    Args:
      is_active: False if the film has no such times; nothing is then reported.
    """

    def __init__(self, is_active: bool):
        self._is_active = is_active
        # A heap of the times of packets that are not shown yet.
        self._waiting: list[int] = []

    def send(self, packet: av.Packet) -> None:
        """Adds a packet that goes to the decoder."""
        if packet.pts is None:
            self._is_active = False
        elif self._is_active and not packet.is_discard:
            heapq.heappush(self._waiting, packet.pts)

    def follows(self, frame: av.VideoFrame) -> bool:
        """Returns whether a frame is the next one; reports only the first one that is not."""
        if not self._is_active:
            return True

        is_next = bool(self._waiting) and heapq.heappop(self._waiting) == frame.pts
        self._is_active = is_next
        return is_next

    def is_complete(self) -> bool:
        """Returns whether all pictures were shown."""
        return not self._is_active or not self._waiting


class FilePackets(Sequence[av.Packet]):
    """The packets of a film, read from the file again at each iteration.

    Args:
      open_film: opens the film at its first packet.
      budget: limits on the bytes of the packets.
      count: number of packets.
    """

    def __init__(self, open_film: Callable[[], FilmFile], budget: Budget, count: int):
        self._open_film = open_film
        self._budget = budget
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[av.Packet]:
        with contextlib.closing(self._open_film()) as film:
            yield from film.packets_to_come(self._budget)

    @overload
    def __getitem__(self, place: int) -> av.Packet: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[av.Packet]: ...

    def __getitem__(self, place: int | slice) -> av.Packet | Sequence[av.Packet]:
        if isinstance(place, slice):
            return list(self)[place]
        return next(itertools.islice(self, place, None))
