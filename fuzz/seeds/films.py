"""Makes videos in all containers and codecs, pictures, and numbered pictures."""

import contextlib
import io
import os
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

_HEIGHT, _WIDTH, _COUNT = 48, 64, 12
# File name -> codec and encoder options.
_FILMS = {
    "h264.mp4": ("libx264", {"preset": "ultrafast", "bf": "2", "g": "6"}),
    "h264.mkv": (
        "libx264",
        {"preset": "veryfast", "bf": "2", "x264-params": "open-gop=1:keyint=6"},
    ),
    "h264.ts": ("libx264", {"preset": "ultrafast"}),
    "h264.flv": ("libx264", {"preset": "ultrafast"}),
    "h264.h264": ("libx264", {"preset": "ultrafast"}),
    "h265.mp4": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none:keyint=6"}),
    "h265.mkv": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp8.webm": ("libvpx", {"deadline": "realtime"}),
    "vp9.webm": ("libvpx-vp9", {"deadline": "realtime", "g": "6"}),
    "vp9.mp4": ("libvpx-vp9", {"deadline": "realtime"}),
    "vp9.ivf": ("libvpx-vp9", {"deadline": "realtime"}),
    "av1.mp4": ("libsvtav1", {"preset": "12"}),
    "av1.webm": ("libsvtav1", {"preset": "12"}),
    "mpeg4.avi": ("mpeg4", {"bf": "2", "g": "6"}),
    "mpeg4.mp4": ("mpeg4", {"bf": "2", "g": "6"}),
    "mpeg2.mpg": ("mpeg2video", {}),
    "wmv.asf": ("wmv2", {}),
    "mjpeg.avi": ("mjpeg", {}),
    "mjpeg.mov": ("mjpeg", {}),
    "gif.gif": ("gif", {}),
    "apng.apng": ("apng", {}),
    "raw.y4m": ("rawvideo", {}),
}
_FORMATS = {"gif": "rgb8", "apng": "rgb24", "mjpeg": "yuvj420p"}
_FIXTURES = Path(__file__).parents[2] / "tests" / "data" / "fixtures"
_MOST_BYTES = 30_000


def frames(count: int = _COUNT) -> np.ndarray:
    """Returns pictures, uint8 (count, 48, 64, 3): a square that moves in front of coarse noise."""
    coarse = np.random.default_rng(0).integers(40, 160, (6, 8, 3), np.uint8)
    video = np.repeat(coarse.repeat(8, axis=0).repeat(8, axis=1)[None], count, axis=0)

    for number, frame in enumerate(video):
        frame[10:20, 3 * number : 3 * number + 10] = 240

    return video


def write_film(path: Path, codec: str, options: dict[str, str]) -> None:
    """Encodes `frames`; the suffix of the path determines the container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options={"threads": "1", **options})
        stream.height, stream.width, stream.pix_fmt = (
            _HEIGHT,
            _WIDTH,
            _FORMATS.get(codec, "yuv420p"),
        )

        for picture in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))

        container.mux(stream.encode())


def make_films(folder: Path) -> None:
    """Makes a folder for each film that PyAV can encode, and for the small films of the tests."""
    for name, (codec, options) in _FILMS.items():
        place = folder / name.replace(".", "_")
        place.mkdir()
        try:
            write_film(place / name, codec, options)
        except (av.FFmpegError, ValueError) as error:
            print(f"note: no seed {name}: {error}")
            (place / name).unlink(missing_ok=True)
            place.rmdir()

    # SVT-AV1's encoder gives root's processes real-time priority, which would starve all others.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    for path in sorted(_FIXTURES.glob("*")):
        if path.stat().st_size < _MOST_BYTES:
            _put(folder / path.name.replace(".", "_"), path.name, path.read_bytes())


def make_named(folder: Path, names: Sequence[str]) -> None:
    """Makes the named films in one folder."""
    folder.mkdir(parents=True)
    for name in names:
        write_film(folder / name, *_FILMS[name])


def make_pictures(folder: Path) -> None:
    """Makes pictures in all modes of PNG and JPEG, and in formats that are not read."""
    picture = Image.fromarray(frames(1)[0])
    for name, mode, options in (
        ("rgb.png", "RGB", {}),
        ("grey.png", "L", {}),
        ("wide.png", "I;16", {}),
        ("alpha.png", "RGBA", {}),
        ("palette.png", "P", {}),
        ("bits.png", "1", {}),
        ("plain.jpg", "RGB", {}),
        ("progressive.jpg", "RGB", {"progressive": True}),
        ("grey.jpg", "L", {}),
        ("inks.jpg", "CMYK", {}),
        ("still.gif", "P", {}),
        ("still.webp", "RGB", {}),
        ("still.bmp", "RGB", {}),
        ("still.tiff", "RGB", {}),
    ):
        content = io.BytesIO()
        converted = (
            picture.convert("L").convert("I").convert(mode)
            if mode == "I;16"
            else picture.convert(mode)
        )
        suffix = name.partition(".")[2]
        converted.save(content, {"jpg": "JPEG"}.get(suffix, suffix.upper()), **options)
        _put(folder / name.replace(".", "_"), name, content.getvalue())

    moving = [Image.fromarray(frame) for frame in frames(4)]
    for name in ("moving.webp", "moving.png"):
        content = io.BytesIO()
        moving[0].save(
            content, name[-4:].strip(".").upper(), save_all=True, append_images=moving[1:]
        )
        _put(folder / name.replace(".", "_"), name, content.getvalue())


def encoded(form: str, count: int = 5) -> list[bytes]:
    """Returns pictures encoded as "png" or "jpeg"."""
    files = []
    for frame in frames(count):
        content = io.BytesIO()
        Image.fromarray(frame).save(content, form.upper())
        files.append(content.getvalue())

    return files


def make_frame_folders(folder: Path) -> None:
    """Makes folders of numbered pictures."""
    for form, suffix in (("png", "png"), ("jpeg", "jpg")):
        for number, content in enumerate(encoded(form)):
            _put(folder / form, f"video/frame{number:06}.{suffix}", content)


def make_frame_archives(folder: Path) -> None:
    """Makes archives of numbered pictures."""
    for form, suffix, method in (
        ("png", "png", zipfile.ZIP_STORED),
        ("jpeg", "jpg", zipfile.ZIP_DEFLATED),
    ):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", method) as archive:
            for number, picture in enumerate(encoded(form)):
                archive.writestr(f"clip/frame{number:06}.{suffix}", picture)
        _put(folder / form, "video.zip", content.getvalue())


def make_sequences(folder: Path) -> None:
    """Makes files that are a stream of pictures."""
    _put(folder / "jpegs", "stream.mjpeg", b"".join(encoded("jpeg")))
    _put(folder / "pngs", "stream.png", b"".join(encoded("png")))


def _put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)

    with contextlib.suppress(FileExistsError):
        path.write_bytes(content)
