"""Encodes unusual films that show barcodes, such as users have in their folders."""

import fractions
import itertools
import re
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import barcode
import cv2
import numpy as np
from av.packet import PacketSideData
from av.stream import Disposition
from av.video.frame import PictureType

# AV_PKT_DATA_NEW_EXTRADATA.
NEW_EXTRADATA = 1


def pad(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarges a picture at its bottom and right by repeating the border."""
    grow = (height - picture.shape[0], width - picture.shape[1])
    return np.pad(picture, ((0, grow[0]), (0, grow[1]), (0, 0)), mode="edge")


def barcodes(
    count: int, size: tuple[int, int] = (barcode.HEIGHT, barcode.WIDTH)
) -> list[np.ndarray]:
    return [pad(barcode.draw(number), *size) for number in range(count)]


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


def encode(
    path: Path,
    codec: str,
    pictures: Sequence[np.ndarray],
    *,
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    times: Iterable[int] | None = None,
    kinds: Iterable[PictureType] = (),
    shape: fractions.Fraction | None = None,
    form: str | None = None,
) -> Path:
    """Writes pictures (H, W, 3), or (H, W, 4) with alpha, as a film.

    `times` are the display times in 1/25 s. `kinds` are the picture types of the first pictures.
    `shape` is the width of a pixel divided by its height. `form` is the container, if the suffix
    does not name it.
    """
    with av.open(str(path), "w", format=form, container_options=container or {}) as file:
        stream = file.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = fractions.Fraction(1, 25)
        stream.codec_context.thread_count = 1
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        kinds = itertools.chain(kinds, itertools.repeat(PictureType.NONE))
        for time, kind, picture in zip(times or itertools.count(), kinds, pictures, strict=False):
            frame = av.VideoFrame.from_ndarray(
                picture, format="rgba" if picture.shape[-1] == 4 else "rgb24"
            )
            frame.pts, frame.time_base = time, fractions.Fraction(1, 25)
            frame.pict_type = kind
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def join(path: Path, films: Sequence[Path]) -> Path:
    """Writes the packets of several films as one film; each film may have its own picture size."""
    times = itertools.count()
    with av.open(str(path), "w") as file:
        stream = None
        for film in films:
            with av.open(str(film)) as part:
                stream = stream or file.add_stream_from_template(part.streams.video[0])
                for source in part.demux(part.streams.video[0]):
                    if source.size:
                        packet = av.Packet(bytes(source))
                        packet.stream, packet.time_base = stream, fractions.Fraction(1, 25)
                        packet.pts = packet.dts = next(times)
                        packet.is_keyframe = source.is_keyframe
                        file.mux(packet)
    return path


def splice(
    path: Path, films: Sequence[Path], *, first: int = 0, told: bool = False, count: int = 12
) -> Path:
    """Writes the packets of films of `count` frames one after another, from packet `first` on.

    If `told`, the container has the headers of each film in its place. Otherwise all headers after
    the first are lost.
    """
    with av.open(str(path), "w") as file:
        stream = None
        for number, film in enumerate(films):
            with av.open(str(film)) as part:
                source = part.streams.video[0]
                stream = stream or file.add_stream_from_template(source)
                later = int(number * count / (25 * source.time_base))
                for place, packet in enumerate(
                    packet for packet in part.demux(source) if packet.size
                ):
                    packet.pts, packet.dts, packet.stream = (
                        packet.pts + later,
                        packet.dts + later,
                        stream,
                    )
                    if told and number and not place:
                        header = PacketSideData(NEW_EXTRADATA, source.codec_context.extradata_size)
                        header.update(source.codec_context.extradata)
                        header.to_packet(packet)
                    if place >= first:
                        file.mux(packet)
    return path


def with_null_packets(
    source: Path, path: Path, *, behind: Sequence[int] = (), for_empty: bool = False
) -> Path:
    """Writes an AVI film with XviD's null packet, one byte 7f, after some of its packets.

    If `for_empty`, each packet that is too short for a picture is replaced by a null packet.
    """
    data = source.read_bytes()
    at = data.index(b"movi")
    index = data.rindex(b"idx1")
    pieces, start, null = [], at + 4, b"00dc" + struct.pack("<I", 1) + b"\x7f\0"
    while start < index:
        size = struct.unpack("<I", data[start + 4 : start + 8])[0]
        end = start + 8 + size + size % 2
        number = len(pieces)
        pieces.append(null if for_empty and size < 20 else data[start:end])
        pieces[-1] += null if number in behind else b""
        start = end
    films = b"".join(pieces)
    # A wrong index is worse than none.
    film = bytearray(data[: at + 4] + films + b"JUNK" + data[index + 4 :])
    grown = len(film) - len(data)
    # The sizes of the file and of the list of packets.
    for place in (4, at - 4):
        film[place : place + 4] = struct.pack(
            "<I", struct.unpack("<I", film[place : place + 4])[0] + grown
        )
    path.write_bytes(film)
    return path


def share_tables(source: Path, path: Path) -> Path:
    """Writes an MJPEG film in which all pictures need the tables of the first one."""
    tables = re.compile(rb"\xff\xdb\x00\x43.{65}", re.DOTALL)
    with av.open(str(source)) as film, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(film.streams.video[0])
        for number, picture in enumerate(packet for packet in film.demux(video=0) if packet.size):
            packet = av.Packet(tables.sub(b"", bytes(picture)) if number else bytes(picture))
            packet.stream, packet.time_base = stream, picture.time_base
            packet.pts = packet.dts = number
            file.mux(packet)
    return path


def hide_delay_of_h264(path: Path) -> Path:
    """Removes the announcement of reordered pictures from the header of an x264 film."""
    with av.open(str(path)) as film:
        header = film.streams.video[0].codec_context.extradata
    size = int.from_bytes(header[6:8])
    parameters = header[8 : 8 + size]
    bits = f"{int.from_bytes(parameters):0{8 * size}b}"
    # The end of the VUI: bitstream_restriction_flag, motion_vectors_over_pic_boundaries_flag, two
    # zeros, the logarithms of the longest vector (8 to 15), and the two numbers to remove. They are
    # replaced by "no restriction" and the end.
    hidden, changes = re.subn(r"1111(0001...)\1[01]+$", "01", bits)
    assert changes == 1
    mute = int(hidden.ljust(8 * size, "0"), 2).to_bytes(size)
    path.write_bytes(path.read_bytes().replace(parameters, mute))
    return path


def hide_delay_of_mpeg4(path: Path) -> Path:
    """Removes `vol_control_parameters` from every header in an MPEG-4 film of this module."""
    data = path.read_bytes()
    header = re.search(rb"\x00\x00\x01\x20(.*?)(?=\x00\x00\x01)", data, re.DOTALL).group(1)
    bits = f"{int.from_bytes(header):0{8 * len(header)}b}"
    # After the aspect ratio: the flag, chroma_format, low_delay, vbv_parameters.
    at = 21
    assert bits[at : at + 5] == "10100"
    mute = (bits[:at] + "0" + bits[at + 5 :]).ljust(8 * len(header), "1")
    path.write_bytes(data.replace(header, int(mute, 2).to_bytes(len(header))))
    return path


def song(path: Path, cover: np.ndarray) -> Path:
    """Writes a second of silence with a cover picture."""
    with av.open(str(path), "w", format="mp4") as file:
        picture = file.add_stream("png", rate=25)
        picture.height, picture.width = cover.shape[:2]
        picture.pix_fmt, picture.disposition = "rgb24", Disposition.attached_pic
        sound = file.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 8000, 0
        file.mux(picture.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
        file.mux(picture.encode(None))
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return path
