"""Odd films that show barcodes, encoded as a test runs: what people's folders of videos hold."""

import fractions
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import barcode
import cv2
import numpy as np
from av.stream import Disposition


def pad(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Grows a picture at its bottom and right, by repeating the border."""
    grow = (height - picture.shape[0], width - picture.shape[1])
    return np.pad(picture, ((0, grow[0]), (0, grow[1]), (0, 0)), mode="edge")


def barcodes(count: int, size: tuple[int, int] = (barcode.HEIGHT, barcode.WIDTH)) -> list[np.ndarray]:
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
    shape: fractions.Fraction | None = None,
    form: str | None = None,
) -> Path:
    """Writes pictures (H, W, 3), or (H, W, 4) with alpha, as a film.

    `times` are when they are shown, in 1/25 s; `shape` is that of a pixel, width by height; `form` is the container
    where the suffix does not say it.
    """
    with av.open(str(path), "w", format=form, container_options=container or {}) as file:
        stream = file.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = fractions.Fraction(1, 25)
        stream.codec_context.thread_count = 1
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        for time, picture in zip(times or itertools.count(), pictures, strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[-1] == 4 else "rgb24")
            frame.pts, frame.time_base = time, fractions.Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def join(path: Path, films: Sequence[Path]) -> Path:
    """Writes the packets of several films as if they were one; each may have a size of its own."""
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


def song(path: Path, cover: np.ndarray) -> Path:
    """Writes a second of silence with a picture on its cover."""
    with av.open(str(path), "w", format="mp4") as file:
        picture = file.add_stream("png", rate=25)
        picture.height, picture.width = cover.shape[:2]
        picture.pix_fmt, picture.disposition = "rgb24", Disposition.attached_pic
        sound = file.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        file.mux(picture.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
        file.mux(picture.encode(None))
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return path
