"""Opens a file and selects the video stream that ffmpeg selects by default."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import av
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.stream import Disposition

from albar_jax.data.readers import mp4_tables
from albar_jax.data.readers.base import DecodeError, reason_of
from albar_jax.storage.budget import MAX_FRAMES, MAX_PIXELS, Budget, BudgetError
from albar_jax.storage.seekable import SeekableFile

# Demuxers of films in one file. Excluded are playlists, which open other files, and text, and
# single pictures.
CONTAINERS = (
    "4xm,apng,apv,asf,av1,avi,avs2,avs3,bink,cavsvideo,cine,dhav,dirac,dnxhd,dv,evc,film_cpk,"
    "flic,flv,gif,gxf,h261,h263,h264,hevc,hxvs,ingenient,ipmovie,ivf,ivr,jpegxl_anim,kux,"
    "live_flv,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mpjpeg,mxf,mxg,nsv,nut,nuv,obu,ogg,"
    "png_pipe,pva,rm,roq,ser,smjpeg,smk,swf,thp,ty,vc1,vc1test,vivo,vvc,wtv,xmv,yuv4mpegpipe"
)
# Names of containers, as `format.name` of an open film.
AVI, MP4, MATROSKA = "avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
# libav gets an open file and opens no other file, whatever a film refers to. No protocol has the
# name "none", and external tracks of QuickTime films stay closed. libavformat opens its own
# decoders to probe the streams, so it needs the pixel limit as well.
_OPTIONS = {
    "format_whitelist": CONTAINERS,
    "protocol_whitelist": "none",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "max_pixels": str(MAX_PIXELS),
}
# The weight of the `default` flag in pixels, in ffmpeg's `map_auto_video`.
DEFAULT_IS_WORTH = 5_000_000


def open_film(file: SeekableFile, name: str, form: str | None = None) -> InputContainer:
    """Opens a film.

    Args:
      file: the film.
      name: name of the film for messages.
      form: name of the container; None detects it.

    Raises:
      DecodeError: it is not a film.
    """
    try:
        return av.open(file, format=form, options=_OPTIONS, **tag_options(av.__version__))
    except ArgumentError as error:
        raise DecodeError(f"{name}: it is not a film: {reason_of(error)}") from error
    except (FFmpegError, OSError) as error:
        raise DecodeError(f"{name}: {reason_of(error)}") from error


def tag_options(version: str) -> dict[str, Any]:
    """Returns the arguments of `av.open` that accept text tags in any encoding.

    By default, PyAV before version 19 raises an error for tags that are not UTF-8. Since version
    19, it accepts all tags and has no such argument.

    Args:
      version: version of PyAV, such as "18.1.0".
    """
    major = int(version.partition(".")[0])
    if major >= 19:
        return {}
    return {"metadata_errors": "replace"}


def check_tables(file: SeekableFile, name: str) -> None:
    """Raises DecodeError if the tables of an MP4 are too large for libav to expand."""
    try:
        mp4_tables.check(file)
    except zlib.error as error:
        raise DecodeError(f"{name}: its header is damaged") from error
    except (OSError, BudgetError) as error:
        raise DecodeError(f"{name}: {reason_of(error)}") from error


def read_film(
    container: InputContainer, name: str, budget: Budget
) -> tuple[av.VideoStream, list[av.Packet]]:
    """Selects the video stream and reads its packets.

    Args:
      container: the open film.
      name: name of the film for messages.
      budget: limits on the bytes of the packets.

    Returns:
      The selected stream and its packets.

    Raises:
      DecodeError: a packet is missing, or the packets of all video streams exceed the budget. The
        tables of a small file can refer to the same bytes many times.
    """
    films = films_of(container, name)
    packets: dict[int, list[av.Packet]] = {stream.index: [] for stream in films}
    for packet in demux(container, films, name, budget):
        packets[packet.stream_index].append(packet)

    film = shown_first(films, {index: len(packets[index]) for index in packets})
    for number, packet in enumerate(packets[film.index]):
        if packet.is_corrupt:
            raise cut_off(name, number)

    return film, packets[film.index]


def films_of(container: InputContainer, name: str) -> list[av.VideoStream]:
    """Returns the video streams of a film. Raises DecodeError if there is none."""
    films = []
    for stream in container.streams.video:
        # The cover picture of a song is not a film.
        if not stream.disposition & Disposition.attached_pic:
            films.append(stream)
    if not films:
        raise DecodeError(f"{name}: it has no video stream")

    return films


def demux(
    container: InputContainer,
    films: Sequence[av.VideoStream],
    name: str,
    budget: Budget,
) -> Iterator[av.Packet]:
    """Yields the packets of video streams that are not empty, in the order of the file.

    Args:
      container: the open film.
      films: its video streams.
      name: name of the film for messages.
      budget: limits on the bytes of the packets.

    Raises:
      DecodeError: the film cannot be read, or its packets exceed the budget.
    """
    count = size = 0

    try:
        for packet in container.demux(films):
            size += packet.size
            count += 1
            if count > MAX_FRAMES:
                raise DecodeError(
                    f"{name}: it has more than {MAX_FRAMES:,} frames, which is the limit"
                )
            budget.check_bytes(size, "its video stream")

            # An empty packet ends the stream or repeats the previous frame.
            if packet.size:
                yield packet
    except BudgetError as error:
        raise DecodeError(f"{name}: {error}") from error
    # PyAV raises this after the last packet, if a stream appears later than the others.
    except IndexError:
        pass
    except (FFmpegError, OSError) as error:
        raise DecodeError(f"{name}: {reason_of(error)}") from error


def cut_off(name: str, number: int) -> DecodeError:
    """Returns the error for a film with a packet that is not whole."""
    return DecodeError(f"{name}: it is cut off or damaged in packet {number}")


def shown_first(films: Sequence[av.VideoStream], counts: Mapping[int, int]) -> av.VideoStream:
    """Returns the stream with the most pixels, the first if equal.

    Streams without packets come last. The `default` flag counts as five million pixels. This is the
    rule of the `ffmpeg` program.

    Args:
      films: one or more video streams.
      counts: the number of packets of each stream, by its index.
    """

    def rank(stream: av.VideoStream) -> tuple[bool, int]:
        context = stream.codec_context
        # A stream without a decoder has no size.
        pixels = context.width * context.height if context else 0

        is_default = bool(stream.disposition & Disposition.default)
        return bool(counts[stream.index]), pixels + DEFAULT_IS_WORTH * is_default

    return max(films, key=rank)


def count_before_keyframe(packets: Sequence[av.Packet]) -> int:
    """Returns the number of packets before the first keyframe, 0 if none is marked."""
    for place, packet in enumerate(packets):
        if packet.is_keyframe:
            return place
    return 0


def number_of(packets: Iterable[av.Packet], place: int, shown: int) -> int:
    """Returns the frame number of a packet by its timestamp.

    Args:
      packets: all packets of the film.
      place: position of the packet.
      shown: the result if the timestamps do not determine the number.
    """
    times = [packet.pts for packet in packets]
    known = [time for time in times if time is not None]
    if len(set(known)) < len(times):
        return shown
    return sorted(known).index(known[place])
