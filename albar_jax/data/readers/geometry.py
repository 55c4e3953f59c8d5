"""Crops, rotates and mirrors frames as ffmpeg does.

The crop comes from the container, rotation and mirroring from the display matrix. The rules follow
the `ffmpeg` program (fftools: `get_rotation`, `configure_input_video_filter`). libavfilter's
filters run before the conversion to RGB, so pixels are bit-identical. The sample aspect ratio
changes no pixel. Decoders apply the crops of H.264 and HEVC streams themselves.
"""

import fractions
import io
import math
import struct
from collections.abc import Iterator
from typing import cast

import av
from av.error import FFmpegError
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer, Type

from albar_jax.data.readers.streams import MATROSKA, MP4

# A filter's name and its arguments.
Filter = tuple[str, str]

# Containers that can hold a crop: MP4 as "clap", Matroska as PixelCrop.
CROPPING = {MP4, MATROSKA}
# Matroska elements: the path to the video of a track, and its PixelCropLeft, Right, Top and Bottom.
_VIDEO = (b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0")
_CROP_IDS = {"left": b"\x54\xcc", "right": b"\x54\xdd", "top": b"\x54\xbb", "bottom": b"\x54\xaa"}
_QUARTERS = (0, 90, 180, 270)


def crop_filters(container: str, stream: av.VideoStream) -> list[Filter]:
    """Returns the container's crop of a stream as filters: one or none.

    PyAV does not expose it. libavformat writes it into the header of a Matroska file, which is read
    here.
    """
    if container not in CROPPING:
        return []

    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="matroska") as file:
            file.add_stream_from_template(stream, opaque=True)
            file.start_encoding()
    # Matroska does not support every codec.
    except (FFmpegError, ValueError):
        return []

    content = buffer.getvalue()
    for name in _VIDEO:
        content = dict(_elements(content)).get(name, b"")
    video = dict(_elements(content))

    sides = {name: int.from_bytes(video.get(element, b"")) for name, element in _CROP_IDS.items()}
    if not any(sides.values()):
        return []
    left, right, top, bottom = sides.values()

    return [("crop", f"w=iw-{left}-{right}:h=ih-{top}-{bottom}:x={left}:y={top}")]


def turn_filters(frame: av.VideoFrame) -> list[Filter]:
    """Returns the filters for a frame's display matrix; none for an upright frame."""
    # PyAV's stub declares a dict with other keys.
    side_data = cast(SideDataContainer, frame.side_data)
    data = side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return []

    matrix = struct.unpack("=9i", bytes(data)[:36])
    degrees = _clockwise_degrees(matrix)
    for quarter in _QUARTERS:
        if abs(degrees - quarter) < 1:
            return _quarter_turn(quarter, matrix)

    # NaN, for a matrix without an angle, is not larger.
    if abs(degrees) > 1:
        return [("rotate", f"{degrees:f}*PI/180")]
    return []


def _quarter_turn(quarter: int, matrix: tuple[int, ...]) -> list[Filter]:
    """Returns the filters for a rotation by a multiple of 90 degrees, with or without mirroring."""
    if quarter == 90:
        return [("transpose", "cclock_flip" if matrix[3] > 0 else "clock")]
    if quarter == 270:
        return [("transpose", "clock_flip" if matrix[3] < 0 else "cclock")]

    filters = []
    if quarter == 180 and matrix[0] < 0:
        filters.append(("hflip", ""))
    if matrix[4] < 0:
        filters.append(("vflip", ""))
    return filters


def _clockwise_degrees(matrix: tuple[int, ...]) -> float:
    """Returns the rotation in whole degrees, -0.9 to 359.1, as `get_rotation` does.

    Returns NaN for a matrix without an angle.
    """
    scale = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    if not all(scale):
        return math.nan

    turned = math.degrees(math.atan2(matrix[1] / scale[1], matrix[0] / scale[0]))
    # Rounds half away from zero, as C does.
    degrees = math.copysign(math.floor(abs(turned) + 0.5), turned)
    return degrees - 360 * math.floor(degrees / 360 + 0.9 / 360)


def make_graph(frame: av.VideoFrame, filters: list[Filter]) -> Graph:
    """Builds a graph that applies one or more filters to frames like this one."""
    graph = Graph()
    graph.threads = 1
    node = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=fractions.Fraction(1)
    )

    for name, arguments in filters:
        following = graph.add(name, arguments)
        node.link_to(following)
        node = following

    node.link_to(graph.add("buffersink"))
    graph.configure()

    return graph


def _elements(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields (name, content) of each element of Matroska data. (RFC 8794, sections 4 and 5)"""
    at = 0
    while at < len(data):
        # The leading zeros of the first byte give the width of a number.
        start = at
        at += 9 - data[at].bit_length()
        name = data[start:at]

        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + width]) & (1 << 7 * width) - 1
        at += width + size

        yield name, data[at - size : at]
