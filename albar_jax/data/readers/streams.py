"""Opens a file and finds the film in it: the video stream that ffmpeg shows if it is not told which."""

import os
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import av
from av.stream import Disposition

from albar_jax.data.readers.base import DecodeError, reason_of

# Films in one file. Others that ffmpeg reads are playlists that have it open more files, wherever these are, text, of
# which it makes pictures, and single pictures.
CONTAINERS = (
    "4xm,apng,apv,asf,av1,avi,avs2,avs3,bink,cavsvideo,cine,dhav,dirac,dnxhd,dv,evc,film_cpk,flic,flv,gif,gxf,h261,h263,"
    "h264,hevc,hxvs,ingenient,ipmovie,ivf,ivr,jpegxl_anim,kux,live_flv,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,"
    "mpjpeg,mxf,mxg,nsv,nut,nuv,obu,ogg,png_pipe,pva,rm,roq,ser,smjpeg,smk,swf,thp,ty,vc1,vc1test,vivo,vvc,wtv,xmv,"
    "yuv4mpegpipe"
)
# What the `default` mark is worth in pixels, in ffmpeg's `map_auto_video`.
DEFAULT_IS_WORTH = 5_000_000


def open_film(file: BinaryIO, name: str, form: str | None = None) -> av.container.InputContainer:
    """Opens a film whose container is `form` or told by ffmpeg; raises DecodeError for what is none."""
    try:
        # Not the default option "strict": metadata in odd encodings is no reason to refuse a video.
        return av.open(
            file,
            format=form,
            options={"format_whitelist": CONTAINERS},
            metadata_errors="replace",
        )
    except av.error.ArgumentError as error:
        raise DecodeError(f"{name}: it is not a film: {reason_of(error)}") from error
    except (av.FFmpegError, OSError) as error:
        reason = reason_of(error) if file.seek(0, os.SEEK_END) else "the file is empty"
        raise DecodeError(f"{name}: {reason}") from error


def read_film(container: av.container.InputContainer, name: str) -> tuple[av.VideoStream, list[av.Packet]]:
    """Returns the stream that is the film, and its packets; raises DecodeError where there is none or some are lost."""
    streams = container.streams.video
    films = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    if not films:  # nothing, or the picture on the cover of a song
        raise DecodeError(f"{name}: it has no video stream")
    packets: dict[int, list[av.Packet]] = {stream.index: [] for stream in films}
    try:
        for packet in container.demux(films):
            if packet.size:  # an empty packet ends the stream, or repeats the frame before it
                packets[packet.stream_index].append(packet)
    except (av.FFmpegError, OSError) as error:
        raise DecodeError(f"{name}: {reason_of(error)}") from error
    film = shown_first(films, packets)
    for number, packet in enumerate(packets[film.index]):
        if packet.is_corrupt:
            raise DecodeError(f"{name}: it is cut off or damaged in packet {number}")
    return film, packets[film.index]


def shown_first(films: Sequence[av.VideoStream], packets: Mapping[int, Sequence[av.Packet]]) -> av.VideoStream:
    """Returns the stream of the most pixels, of equal ones the first.

    One without packets comes last. The mark `default` counts as five million pixels.

    Args:
      films: one or more.
      packets: those of each stream, by its index.
    """

    def rank(stream: av.VideoStream) -> tuple[bool, int]:
        context = stream.codec_context
        pixels = context.width * context.height if context else 0  # without a decoder it can show nothing
        is_default = bool(stream.disposition & Disposition.default)
        return bool(packets[stream.index]), pixels + DEFAULT_IS_WORTH * is_default

    return max(films, key=rank)
