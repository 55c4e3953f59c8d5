"""Writes films of any length quickly: one encoded second, again and again."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_long_film(
    path: Path,
    minutes: int,
    codec: str,
    *,
    rate: int,
    size: int,
    pix_fmt: str,
    options: dict[str, str] | None = None,
    padding: int = 0,
) -> Path:
    """Writes a film of noise.

    Args:
      path: file to write.
      minutes: length of the film.
      codec: name of the encoder; its first packet of a second must be a keyframe.
      rate: frames per second.
      size: height and width.
      pix_fmt: format of its pixels.
      options: options of the encoder.
      padding: zero bytes after each packet.
    """
    pictures = np.random.default_rng(0).integers(0, 256, (rate, size, size, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height = stream.width = size
        stream.pix_fmt = pix_fmt

        second = []
        for picture in pictures:
            second += stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        second += stream.encode(None)
        contents = [(bytes(packet) + bytes(padding), packet.is_keyframe) for packet in second]

        for number in range(60 * rate * minutes):
            content, is_keyframe = contents[number % rate]
            packet = av.Packet(content)
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, rate)
            packet.is_keyframe = is_keyframe
            packet.stream = stream
            container.mux(packet)

    return path
