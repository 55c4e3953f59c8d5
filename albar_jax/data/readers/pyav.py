"""Reads video files with PyAV, always decoding from the first frame: slower than a seek, never wrong."""

import io
import itertools
from collections.abc import Iterator

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from albar_jax.data.readers.base import ChooseBox, DecodeError, check_indices, whole

# Containers that hold one frame per packet, for codecs that show every packet: there, counting packets counts frames.
# Elsewhere (packed B-frames, pictures sent as two fields, hidden frames, streams cut anywhere) only decoding tells.
# The frame count in a file's header is no help: AVI counts dropped frames, MP4 counts trimmed ones.
PACKET_PER_FRAME = {
    "avi": {"mjpeg"},
    "mov,mp4,m4a,3gp,3g2,mj2": {"mjpeg", "h264", "hevc", "vp9", "av1"},
    "matroska,webm": {"mjpeg", "h264", "hevc", "vp9", "av1"},
}
# Every frame is a keyframe and comes out at once: packet i alone gives frame i.
INTRA_ONLY = {"mjpeg"}
# Frames decoded to count them are kept for reading; of a video of more pixels than this they are decoded again.
KEPT_PIXELS = 1 << 26


class PyAVVideo:
    """A video file (or its bytes) opened with PyAV; see `readers.base.Video`."""

    def __init__(self, source: str | bytes, name: str):
        self.name = name
        self._kept: list[av.VideoFrame] | None = None
        try:
            # Not the default option "strict": metadata in odd encodings is no reason to refuse a video.
            self._container = av.open(
                io.BytesIO(source) if isinstance(source, bytes) else source, metadata_errors="replace"
            )
        except (av.FFmpegError, OSError) as error:
            raise DecodeError(f"{name}: {_reason(error)}") from error
        try:
            self._open_stream()
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> None:
        if not self._container.streams.video:
            raise DecodeError(f"{self.name}: it has no video stream")
        self._stream = self._container.streams.video[0]
        self._codec = self._stream.codec_context
        if self._codec is None:
            raise DecodeError(f"{self.name}: there is no decoder for its video stream")
        # One thread per clip: clips are decoded in parallel, and starting a pool costs more than a short clip.
        self._codec.thread_type = "NONE"
        self._codec.thread_count = 1
        self._packets = self._demux()
        self._count = self._count_frames()
        if not self._count:
            raise DecodeError(f"{self.name}: its video stream has no frames")

    @property
    def kind(self) -> tuple[str, str]:
        """Names of the container and of the codec, as ffmpeg calls them."""
        return self._container.format.name, self._codec.codec.canonical_name

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._kept = None
        self._packets = []
        self._container.close()

    def __len__(self) -> int:
        return self._count

    def upright(self) -> bool:
        """Whether the pictures are stored as they are to be seen; decodes the first one."""
        return all(frame.rotation == 0 for frame in itertools.islice(self._decode(self._packets), 1))

    def read(self, indices, choose_box: ChooseBox = whole) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        slots: dict[int, list[int]] = {}
        for slot, number in enumerate(check_indices(indices, self._count, self.name)):
            slots.setdefault(number, []).append(slot)
        count, last = sum(map(len, slots.values())), max(slots)
        # One converter per clip: setting one up costs as much as decoding a small frame.
        converter, video = VideoReformatter(), None
        for number, frame in self._frames(sorted(slots)):
            if number in slots:
                image = self._rgb(frame, converter, number)
                if video is None:
                    size = image.shape
                    top, left, height, width = choose_box(*size[:2])
                    video = np.empty((count, height, width, 3), np.uint8)
                if image.shape != size:
                    raise DecodeError(f"{self.name}: its frames change size at frame {number}")
                video[slots.pop(number)] = image[top : top + height, left : left + width]
            if number >= last:
                break
        if slots:
            raise DecodeError(f"{self.name}: frame {min(slots)} could not be decoded")
        return video

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
        if self._packet_per_frame:
            return sum(not packet.is_discard for packet in self._packets)
        frames = self._decode(self._packets)
        room = KEPT_PIXELS // max(1, self._codec.width * self._codec.height)
        self._kept = list(itertools.islice(frames, room))
        beyond = sum(1 for _ in frames)
        count = len(self._kept) + beyond
        if beyond:
            self._kept = None
        return count

    @property
    def _packet_per_frame(self) -> bool:
        container, codec = self.kind
        return codec in PACKET_PER_FRAME.get(container, ())

    def _frames(self, numbers: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yields (number, frame) for at least these ascending numbers."""
        if self._kept is not None:
            return enumerate(self._kept)
        if self.kind[1] in INTRA_ONLY and self._packet_per_frame and self._count == len(self._packets):
            return ((i, frame) for i in numbers for frame in self._decode(self._packets[i : i + 1]))
        return enumerate(self._decode(self._packets))

    def _decode(self, packets: list[av.Packet]) -> Iterator[av.VideoFrame]:
        if self._codec.is_open:
            self._codec.flush_buffers()
        number = 0
        try:
            for packet in itertools.chain(packets, [None]):
                for frame in self._codec.decode(packet):
                    yield frame
                    number += 1
        except av.FFmpegError as error:
            raise DecodeError(f"{self.name}: {_reason(error)} at frame {number}") from error

    def _rgb(self, frame: av.VideoFrame, converter: VideoReformatter, number: int) -> UInt8[np.ndarray, "h w 3"]:
        try:
            return _to_rgb(frame, converter)
        except (av.FFmpegError, ValueError) as error:
            raise DecodeError(f"{self.name}: {_reason(error)} at frame {number}") from error


def _to_rgb(frame: av.VideoFrame, converter: VideoReformatter) -> UInt8[np.ndarray, "h w 3"]:
    image = converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    # Phones write an upright picture as a sideways one and the turn (counter-clockwise degrees) to undo it.
    return np.rot90(image, frame.rotation // 90 % 4) if frame.rotation else image


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
