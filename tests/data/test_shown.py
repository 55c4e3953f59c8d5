"""Claim: a film is read as ffmpeg shows it: rotated, mirrored and cropped, from the same stream."""

import io
import math
import struct
from pathlib import Path

import av
import barcode
import numpy as np
import odd_films
import pytest
from av.stream import Disposition
from PIL import Image

from albar_jax.data.decode import DecodeError, num_frames, read_frames
from albar_jax.data.readers.streams import read_film
from albar_jax.storage.budget import DEFAULT

QUADRANTS = {"R": (200, 30, 30), "G": (30, 200, 30), "B": (30, 30, 200), "W": (220, 220, 220)}


def quadrants(height: int = 48, width: int = 64) -> np.ndarray:
    """Returns a picture of four colours: red and green above, blue and white below."""
    picture = np.zeros((height, width, 3), np.uint8)
    half = height // 2, width // 2
    for name, rows, columns in (("R", 0, 0), ("G", 0, 1), ("B", 1, 0), ("W", 1, 1)):
        picture[
            rows * half[0] : (rows + 1) * half[0], columns * half[1] : (columns + 1) * half[1]
        ] = QUADRANTS[name]
    return picture


def corners(picture: np.ndarray) -> str:
    """Returns the colours of the corners, row by row; K is black."""
    named = {"K": (0, 0, 0), **QUADRANTS}

    def name(pixel: np.ndarray) -> str:
        return min(named, key=lambda name: abs(pixel.astype(int) - named[name]).sum())

    rows = [[name(row[column]) for column in (2, -3)] for row in (picture[2], picture[-3])]
    return "/".join(map("".join, rows))


def with_matrix(path: Path, a: float, b: float, c: float, d: float, **options) -> Path:
    """Writes a film of the four colours with [a b; c d] in its track header."""
    odd_films.encode(
        path, "libx264", [quadrants()] * 3, **{"options": {"preset": "ultrafast"}} | options
    )
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 24 + 16
    numbers = [round(value * (1 << 16)) for value in (a, b, 0, c, d, 0)]
    data[at : at + 36] = struct.pack(">9i", *numbers, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def turn(degrees: float) -> tuple[float, float, float, float]:
    angle = math.radians(-degrees)
    return math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), "RG/BW"),
        ((-1, 0, 0, 1), "GR/WB"),
        ((1, 0, 0, -1), "BW/RG"),
        ((-1, 0, 0, -1), "WB/GR"),
        ((0, 1, 1, 0), "RB/GW"),
        ((0, -1, -1, 0), "WG/BR"),
        ((0, 1, -1, 0), "BR/WG"),
        ((0, -1, 1, 0), "GW/RB"),
        (turn(89.9), "GW/RB"),
        (turn(179.9), "WB/GR"),
        (turn(270.4), "BR/WG"),
        (turn(1), "RG/BW"),
        (turn(359.2), "RG/BW"),
        # Rotated within its frame, with black corners.
        (turn(30), "KK/KK"),
        (turn(-50), "KK/KK"),
        ((0, 0, 0, 0), "RG/BW"),
        ((2, 0, 0, 2), "RG/BW"),
    ],
)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_display_matrix_is_applied_as_ffmpeg_does(tmp_path, matrix, shown, pixels):
    path = with_matrix(tmp_path / "film.mp4", *matrix, pixels=pixels)
    picture = read_frames(path, [1])[0]
    assert corners(picture) == shown
    is_transposed = shown in ("RB/GW", "WG/BR", "BR/WG", "GW/RB")
    assert picture.shape == ((64, 48, 3) if is_transposed else (48, 64, 3))


def test_turned_picture_of_odd_angle_has_its_middle_in_place(tmp_path):
    picture = read_frames(with_matrix(tmp_path / "film.mp4", *turn(-30)), [0])[0]
    for name, (row, column) in {"R": (8, 30), "G": (20, 50), "B": (26, 14), "W": (40, 34)}.items():
        assert abs(picture[row, column].astype(int) - QUADRANTS[name]).max() < 40, name


@pytest.mark.parametrize("name", ["cropped.mkv", "cropped.mp4"])
def test_crop_that_a_container_states_is_obeyed(films, name):
    """The crops are Matroska's PixelCrop and the "clap" of MP4.

    They remove 8 lines above, 16 columns at the left, 2 lines below and 4 columns at the right.
    """
    whole = read_frames(films / "h264_gop250.mp4", range(5))
    np.testing.assert_array_equal(read_frames(films / name, range(5)), whole[:, 8:-2, 16:-4])


def test_header_of_a_decoder_is_not_taken_for_a_crop(tmp_path):
    """A header may have any bytes: here the bytes of a Matroska crop of 5 lines."""
    path = odd_films.encode(tmp_path / "film.mp4", "mpeg4", odd_films.barcodes(3))
    data = path.read_bytes()
    assert data.count(b"Lavc") > 0
    path.write_bytes(data.replace(b"Lavc", b"\x54\xaa\x81\x05"))
    assert read_frames(path, [1]).shape[1:3] == (barcode.HEIGHT, barcode.WIDTH)


def test_crop_that_a_stream_states_is_obeyed_to_the_pixel(tmp_path):
    """By default, decoders cannot crop as few as eight columns at the left."""
    options = {"preset": "ultrafast", "qp": "0"}
    whole = odd_films.encode(
        tmp_path / "whole.mp4", "libx264", odd_films.barcodes(3), options=options
    )
    cut = odd_films.encode(
        tmp_path / "cut.mp4",
        "libx264",
        odd_films.barcodes(3),
        options=options | {"x264-params": "crop-rect=8,4,12,6"},
    )
    np.testing.assert_array_equal(
        read_frames(cut, range(3)), read_frames(whole, range(3))[:, 4:-6, 8:-12]
    )


def two_films(path: Path, sizes, default: int | None) -> Path:
    """Writes films of these sizes as the streams of one file.

    Stream number `default` is marked as the default.
    """
    with av.open(str(path), "w") as file:
        streams = []
        for number, (height, width) in enumerate(sizes):
            stream = file.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            stream.disposition = Disposition.default if number == default else Disposition(0)
            streams.append(stream)
        for _ in range(4):
            for number, stream in enumerate(streams):
                picture = np.full((*sizes[number], 3), 60 + 80 * number, np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for stream in streams:
            file.mux(stream.encode(None))
    return path


SMALL, LARGE = (48, 64), (96, 128)


@pytest.mark.parametrize(
    ("name", "sizes", "default", "shown"),
    [
        # The first stream of an MP4 is its default.
        ("film.mp4", (SMALL, LARGE), None, 0),
        ("film.mp4", (LARGE, SMALL), None, 0),
        ("film.mkv", (SMALL, LARGE), 0, 0),
        ("film.mkv", (LARGE, SMALL), 1, 1),
        ("film.mkv", (SMALL, SMALL), None, 0),
        ("film.ts", (SMALL, LARGE), None, 1),
        ("film.avi", (SMALL, LARGE, SMALL), None, 1),
    ],
)
def test_of_several_streams_the_one_of_most_pixels_or_the_default_is_read(
    tmp_path, name, sizes, default, shown
):
    path = two_films(tmp_path / name, sizes, default)
    video = read_frames(path, range(num_frames(path)))
    assert video.shape == (4, *sizes[shown], 3)
    assert abs(video.astype(int) - (60 + 80 * shown)).max() < 6


def jpeg(number: int, size=(barcode.HEIGHT, barcode.WIDTH), **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(odd_films.pad(barcode.draw(number), *size)).save(
        file, "JPEG", quality=90, **options
    )
    return file.getvalue()


def animated(kind: str) -> bytes:
    pictures = [Image.fromarray(barcode.draw(number)) for number in range(5)]
    file = io.BytesIO()
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], duration=40)
    return file.getvalue()


BOUNDARY = b"\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
SEQUENCES = {
    "camera.mjpeg": lambda: b"".join(map(jpeg, range(5))),
    "camera_without_ends.mjpg": lambda: (
        b"".join(jpeg(number)[:-2] for number in range(5)) + b"\xff\xd9"
    ),
    "camera_with_padding.bin": lambda: b"".join(jpeg(number) + bytes(16) for number in range(5)),
    "web_camera.mjpeg": lambda: (
        jpeg(0) + b"".join(BOUNDARY % len(jpeg(n)) + jpeg(n) for n in range(1, 5))
    ),
    "pipe.png": lambda: b"".join(odd_films.png(barcode.draw(number)) for number in range(5)),
    "screen.apng": lambda: animated("PNG"),
    "screen.png": lambda: animated("PNG"),
    "screen.gif": lambda: animated("GIF"),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence_that_begins_like_a_picture_gives_all_its_frames(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(SEQUENCES[name]())
    video = read_frames(path, range(num_frames(path)))
    assert [barcode.read(frame) for frame in video] == list(range(5))
    np.testing.assert_array_equal(read_frames(path.read_bytes(), [3, 1]), video[[3, 1]])


def stereo() -> bytes:
    file = io.BytesIO()
    eyes = [Image.fromarray(barcode.draw(number)) for number in (0, 1)]
    eyes[0].save(file, "MPO", save_all=True, append_images=eyes[1:])
    return file.getvalue()


PICTURES = {
    "stereo.jpg": stereo,
    "with_preview.jpg": lambda: jpeg(0) + jpeg(1, size=(128, 176)),
    "with_film.jpg": lambda: jpeg(0) + b"\0\0\0\x18ftypmp42" + bytes(99),
    "with_thumbnail.jpg": lambda: jpeg(0, exif=b"Exif\0\0" + jpeg(1)),
    "with_text.jpg": lambda: jpeg(0) + b"\xff\xd8 is how a picture begins",
    "plain.png": lambda: odd_films.png(barcode.draw(0)),
    "with_junk.png": lambda: odd_films.png(barcode.draw(0)) + b"acTL",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_with_appended_data_is_one_picture(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(PICTURES[name]())
    for source in (path, path.read_bytes()):
        assert [
            barcode.read(frame) for frame in read_frames(source, range(num_frames(source)))
        ] == [0]


def test_picture_that_is_cut_off_is_no_sequence(tmp_path):
    for name, data in {
        "cut.jpg": jpeg(0)[:-400],
        "cut.png": odd_films.png(barcode.draw(0))[:-400],
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DecodeError, match=r"cut off|damaged|could not"):
            read_frames(tmp_path / name, [0])


def test_stream_that_appears_late_changes_nothing(films):
    """At the end of the film, PyAV then reads beyond its list of streams, where anything may be."""
    with av.open(str(films / "mjpeg.avi")) as container:

        class WithLateStream:
            streams = container.streams

            @staticmethod
            def demux(chosen):
                yield from container.demux(chosen)
                raise IndexError("list index out of range")

        _, packets = read_film(WithLateStream, "film", DEFAULT)
        assert len(packets) == num_frames(films / "mjpeg.avi")
