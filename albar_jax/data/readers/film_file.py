"""Holds a film open with PyAV: its container, its video stream and its decoder."""

import io
import itertools
from collections.abc import Iterator
from typing import cast

import av
from av.error import FFmpegError

from albar_jax.data.readers import streams
from albar_jax.data.readers.base import DecodeError, reason_of
from albar_jax.storage import access
from albar_jax.storage.budget import MAX_PIXELS, Budget
from albar_jax.storage.seekable import SeekableFile

# Decoders of these codecs show the frames before the first keyframe, predicted from a gray picture.
# Other decoders leave them out.
GREY_START = {"flv", "h263", "mpeg4", "msmpeg4", "msmpeg4v1", "msmpeg4v2", "wmv1", "wmv2"}
# Decoders of these codecs conceal most damage without marking frames, unless told to raise errors.
CONCEALING = {"hevc", "mjpeg"}


class FilmFile:
    """An open video file. Its readers choose the video stream and decode the packets.

    Args:
      source: path of the file, or its bytes.
      name: name of the film for messages.
      form: name of the container; None detects it.
      lenient: whether to return damaged frames as the decoder conceals them.
      index: index of the video stream; None if it is not chosen yet.

    Attributes:
      name: name of the film for messages.
      lenient: whether to return damaged frames.
      stream: the video stream, when it is chosen.

    Raises:
      DecodeError: the file is not a film.
    """

    stream: av.VideoStream

    def __init__(
        self,
        source: str | bytes,
        name: str,
        form: str | None,
        *,
        lenient: bool,
        index: int | None = None,
    ):
        self.name = name
        self._source = source
        self._form = form
        self.lenient = lenient
        self._index = index
        self._open()

    @property
    def container_name(self) -> str:
        """Returns the name of the container, as ffmpeg calls it."""
        return self._container.format.name

    @property
    def codec_name(self) -> str:
        """Returns the name of the codec, as ffmpeg calls it."""
        return self._codec.codec.canonical_name

    @property
    def fps(self) -> float | None:
        """Returns the average number of frames in a second; None if the film has no times."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(rate) if rate else None

    def close(self) -> None:
        """Closes the film."""
        self._close_file()

    def packets_to_come(self, budget: Budget) -> Iterator[av.Packet]:
        """Yields the packets of the chosen stream from the current position of the file.

        Raises:
          DecodeError: the film cannot be read, or its packets exceed the budget.
        """
        films = streams.films_of(self._container, self.name)
        for packet in streams.demux(self._container, films, self.name, budget):
            if packet.stream_index == self._index:
                yield packet

    def _decode(
        self, packet: av.Packet | None, place: int | None, shown: int
    ) -> list[av.VideoFrame]:
        """Decodes a packet.

        Args:
          packet: the packet; None drains the decoder.
          place: position of the packet; None at the end.
          shown: number of frames so far.

        Raises:
          DecodeError: it cannot be decoded, and that is not harmless.
        """
        try:
            frames = self._decode_packet(packet)
        except FFmpegError as error:
            if self._may_fail(place, shown):
                return []
            number = self._failed_number(place, shown)
            raise DecodeError(f"{self.name}: {reason_of(error)} at frame {number}") from error

        if not shown and self.codec_name in GREY_START:
            return list(itertools.dropwhile(lambda frame: not frame.key_frame, frames))
        return frames

    def _decode_packet(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        return self._codec.decode(packet)

    def _may_fail(self, place: int | None, shown: int) -> bool:
        """Returns whether a failed packet is harmless, after `shown` frames."""
        return False

    def _failed_number(self, place: int | None, shown: int) -> int:
        """Returns the frame number of a packet that failed after `shown` frames."""
        return shown

    def _file_size(self) -> int:
        """Returns the size of the file in bytes."""
        # libav has read the start and expects the position that it left.
        position = self._file.tell()
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(position)
        return size

    def _open_again(self) -> None:
        """Starts over at the first packet, with a new decoder."""
        self._close_file()
        self._open()

    def _open(self) -> None:
        """Opens the file, and its stream if that is chosen."""
        self._file = self._open_source()
        try:
            streams.check_tables(self._file, self.name)
            self._container = streams.open_film(self._file, self.name, self._form)
        except BaseException:
            self._file.close()
            raise

        try:
            if self._index is not None:
                stream = self._container.streams[self._index]
                # `_use` has stored the index of a video stream.
                self._use(cast(av.VideoStream, stream))
        except BaseException:
            self._close_file()
            raise

    def _open_source(self) -> SeekableFile:
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        try:
            # Never pass libav a path: it mistakes a failed read for the end of the film or for
            # damage.
            return access.StoredFile(self._source)
        except OSError as error:
            raise DecodeError(f"{self.name}: {reason_of(error)}") from error

    def _close_file(self) -> None:
        self._container.close()
        self._file.close()

    def _use(self, stream: av.VideoStream) -> None:
        """Chooses the video stream and configures its decoder."""
        self._index = stream.index
        self.stream = stream
        self._codec = stream.codec_context
        if self._codec is None:
            raise DecodeError(f"{self.name}: there is no decoder for its video stream")

        # One thread per clip: clips are decoded in parallel, and starting a pool of threads costs
        # more than a short clip.
        self._codec.thread_type = "NONE"
        self._codec.thread_count = 1

        # "unaligned" applies a stream's crop to the pixel. The default rounds it to addresses that
        # are fast to read.
        flags = "+unaligned"
        if self.lenient:
            flags += "+output_corrupt"
        options = {"max_pixels": str(MAX_PIXELS), "flags": flags}
        if self.codec_name in CONCEALING and not self.lenient:
            options["err_detect"] = "explode"
        self._codec.options = options
