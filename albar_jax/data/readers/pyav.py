"""Reads video files with PyAV, always decoding from the first frame: slower than a seek, never wrong."""

import io
import itertools
from collections.abc import Iterator

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from albar_jax.data.readers.base import DecodeError, check_indices

# Containers that hold one frame per packet, for codecs that show every packet: there counting packets counts
# frames. Elsewhere (packed B-frames, pictures sent as two fields, hidden frames, MPEG streams cut anywhere) only decoding
# tells, and the frame count in the header of a file is no help: AVI counts dropped frames and MP4 trimmed ones.
PACKET_PER_FRAME = {
    "avi": {"mjpeg"},
    "mov,mp4,m4a,3gp,3g2,mj2": {"mjpeg", "h264", "hevc", "vp9", "av1"},
    "matroska,webm": {"mjpeg", "h264", "hevc", "vp9", "av1"},
}
# Decoded frames are kept while counting, so that they need not be decoded twice; a longer video is.
KEPT_FRAMES = 512


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

    def read(self, indices) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns frames (n, H, W, 3), RGB in 0..255; raises IndexError or DecodeError."""
        wanted = check_indices(indices, self._count, self.name)
        slots: dict[int, list[int]] = {}
        for slot, index in enumerate(wanted):
            slots.setdefault(index, []).append(slot)
        # One converter per clip: setting one up costs as much as decoding a small frame.
        converter, video = VideoReformatter(), None
        for index, frame in enumerate(itertools.islice(self._frames(), max(wanted, default=-1) + 1)):
            if index in slots:
                image = _to_rgb(frame, converter)
                if video is None:
                    video = np.empty((len(wanted), *image.shape), np.uint8)
                if image.shape != video.shape[1:]:
                    raise DecodeError(f"{self.name}: its frames change size at frame {index}")
                video[slots.pop(index)] = image
        if slots or video is None:
            raise DecodeError(f"{self.name}: frame {min(slots, default=0)} could not be decoded")
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
        container, codec = self.kind
        if codec in PACKET_PER_FRAME.get(container, ()):
            return sum(not packet.is_discard for packet in self._packets)
        frames = self._decode()
        self._kept = list(itertools.islice(frames, KEPT_FRAMES))
        beyond = sum(1 for _ in frames)
        count = len(self._kept) + beyond
        if beyond:
            self._kept = None
        return count

    def _frames(self) -> Iterator[av.VideoFrame]:
        return self._decode() if self._kept is None else iter(self._kept)

    def _decode(self) -> Iterator[av.VideoFrame]:
        if self._codec.is_open:
            self._codec.flush_buffers()
        number = 0
        try:
            for packet in itertools.chain(self._packets, [None]):
                for frame in self._codec.decode(packet):
                    yield frame
                    number += 1
        except av.FFmpegError as error:
            raise DecodeError(f"{self.name}: {_reason(error)} at frame {number}") from error


def _to_rgb(frame: av.VideoFrame, converter: VideoReformatter) -> UInt8[np.ndarray, "h w 3"]:
    image = converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    # Phones write an upright picture as a sideways one and the turn (counter-clockwise degrees) to undo it.
    return np.rot90(image, frame.rotation // 90 % 4) if frame.rotation else image


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
