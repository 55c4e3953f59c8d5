"""Reads video files with PyAV: decodes what the frames asked for need, or all from the first where that is not sure."""

import io
import itertools
from collections.abc import Collection, Container, Iterator

import av
import numpy as np
from av.stream import Disposition
from jaxtyping import UInt8

from albar_jax.data.readers.base import MAX_PIXELS, ChooseBox, DecodeError, check_indices, whole
from albar_jax.data.readers.picture import BoxOfPicture
from albar_jax.data.readers.timeline import Timeline, timeline_of

# Frames decoded to count them are kept for reading; of a video of more pixels than this they are decoded again.
KEPT_PIXELS = 1 << 26
# Films in one file. Others that ffmpeg reads are playlists that have it open more files, wherever these are, and text,
# of which it makes pictures.
CONTAINERS = (
    "apng,asf,av1,avi,dv,flv,gif,h261,h263,h264,hevc,ivf,live_flv,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mxf,nut,"
    "obu,ogg,rm,swf,vc1,wtv,yuv4mpegpipe"
)


class PyAVVideo:
    """A video file (or its bytes) opened with PyAV; see `readers.base.Video`.

    While it is open, all of the compressed film is in memory.
    """

    def __init__(self, source: str | bytes, name: str):
        self.name = name
        self._source = source
        self._kept: list[av.VideoFrame] | None = None
        self._timeline: Timeline | None = None
        self._open()
        try:
            self._packets = self._demux()
            self._timeline = timeline_of(self._container.format.name, self._stream, self._packets)
            self._count = self._count_frames()
            if not self._count:
                raise DecodeError(f"{self.name}: its video stream has no frames")
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        source = self._source
        try:
            # Not the default option "strict": metadata in odd encodings is no reason to refuse a video.
            self._container = av.open(
                io.BytesIO(source) if isinstance(source, bytes) else f"file:{source}",
                options={"format_whitelist": CONTAINERS},
                metadata_errors="replace",
            )
        except av.error.ArgumentError as error:
            raise DecodeError(f"{self.name}: it is not a film: {_reason(error)}") from error
        except (av.FFmpegError, OSError) as error:
            raise DecodeError(f"{self.name}: {_reason(error)}") from error
        try:
            self._open_stream()
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> None:
        films = [
            stream for stream in self._container.streams.video if not stream.disposition & Disposition.attached_pic
        ]
        if not films:  # nothing, or the picture on the cover of a song
            raise DecodeError(f"{self.name}: it has no video stream")
        self._stream = films[0]
        self._codec = self._stream.codec_context
        if self._codec is None:
            raise DecodeError(f"{self.name}: there is no decoder for its video stream")
        # One thread per clip: clips are decoded in parallel, and starting a pool costs more than a short clip.
        self._codec.thread_type = "NONE"
        self._codec.thread_count = 1
        self._codec.options = {"max_pixels": str(MAX_PIXELS)}

    @property
    def kind(self) -> tuple[str, str]:
        """Names of the container and of the codec, as ffmpeg calls them."""
        return self._container.format.name, self._codec.codec.canonical_name

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._kept = self._timeline = None
        self._packets = []
        self._container.close()

    def __len__(self) -> int:
        return self._count

    @property
    def packets(self) -> list[av.Packet]:
        """Those of the film, in decoding order."""
        return self._packets

    def first(self) -> av.VideoFrame | None:
        """Decodes the first frame; None if there is none."""
        return next(self._decode(self._packets), None)

    def read(self, indices, choose_box: ChooseBox = whole) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        slots: dict[int, list[int]] = {}
        for slot, number in enumerate(check_indices(indices, self._count, self.name)):
            slots.setdefault(number, []).append(slot)
        count = sum(map(len, slots.values()))
        picture = None
        for number, frame in self._frames(slots.keys()):
            if number not in slots:
                continue
            try:
                if picture is None:
                    picture = BoxOfPicture(frame, choose_box)
                    video = np.empty((count, *picture.shape), np.uint8)
                video[slots[number]] = picture.rgb(frame)
            except (av.FFmpegError, ValueError, MemoryError) as error:
                raise DecodeError(f"{self.name}: {_reason(error)} at frame {number}") from error
            del slots[number]
            if not slots:
                return video
        raise DecodeError(f"{self.name}: frame {min(slots)} could not be decoded")

    def _demux(self) -> list[av.Packet]:
        packets = []
        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt:
                    raise DecodeError(f"{self.name}: it is cut off or damaged in packet {len(packets)}")
                if packet.size:  # an empty packet ends the stream, or repeats the frame before it
                    packets.append(packet)
        except (av.FFmpegError, OSError) as error:
            raise DecodeError(f"{self.name}: {_reason(error)}") from error
        return packets

    def _count_frames(self) -> int:
        if self._timeline is not None:
            return len(self._timeline.positions)
        frames = self._decode(self._packets)
        room = KEPT_PIXELS // max(1, self._codec.width * self._codec.height)
        self._kept = list(itertools.islice(frames, room))
        beyond = sum(1 for _ in frames)
        count = len(self._kept) + beyond
        if beyond:
            self._kept = None
        return count

    def _frames(self, wanted: Collection[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yields (number, frame) for at least the wanted ones, in ascending order."""
        if self._kept is not None:
            return enumerate(self._kept)
        if self._timeline is None:
            return enumerate(self._decode(self._packets))
        return self._labelled(wanted)

    def _labelled(self, wanted: Collection[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        timeline, wanted, last = self._timeline, set(wanted), -1
        for frame in self._decode(timeline.needed(wanted), wanted if timeline.skipping else None):
            if frame.pts <= last:
                raise DecodeError(f"{self.name}: its frames are not shown in the order of their times")
            last = frame.pts
            yield frame.pts, frame

    def _decode(self, packets: list[av.Packet], wanted: Container[int] | None = None) -> Iterator[av.VideoFrame]:
        """Yields the frames of these packets; not those that are neither among the wanted nor predicted from."""
        if self._codec.is_open:  # flushed, it would still have the headers that it read last, which need not fit
            self._container.close()
            self._open()
        codec, number = self._codec, 0
        try:
            for packet in itertools.chain(packets, [None]):
                if packet is not None:
                    codec.skip_frame = "DEFAULT" if wanted is None or packet.pts in wanted else "NONREF"
                for frame in codec.decode(packet):
                    yield frame
                    number += 1
        except av.FFmpegError as error:
            raise DecodeError(f"{self.name}: {_reason(error)} at frame {number}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
