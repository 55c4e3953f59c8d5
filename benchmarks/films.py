"""Makes films for benchmarks of reading: moving textures, encoded like HMDB51 and Kinetics.

Decoding cost depends mostly on the bit rate, so films have the bit rates of the data sets. HMDB51
has 2 GB for 6,766 films of 3 s, about 700 kbit/s. Kinetics at a short side of 256 has 135 GB for
240,000 films of 10 s, about 450 kbit/s.

The second packet of HMDB51's films is a single byte, because XviD's look-ahead has no picture yet.
These films have it, too.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np

FILMS_PER_SET = 4
# Frames per second.
RATE = 30
# XviD's packet for "no picture". Decoders accept it only in films with XviD's signature.
NULL = b"\x7f"
# The encoder's signature, and the one that replaces it.
ENCODER = re.compile(rb"Lavc[0-9.]+")
XVID = b"XviD0050"
_KEYFRAME_INTERVAL = 250


@dataclasses.dataclass(frozen=True)
class Kind:
    """The encoding of the films of a set.

    Attributes:
      name: name of the set.
      suffix: suffix of the file names.
      height: height in pixels.
      width: width in pixels.
      frames: smallest number of frames, and an exclusive upper limit.
      codec: name of the encoder.
      b_frames: maximum number of consecutive B-frames.
      options: options of the encoder.
      bit_rate: bits per second; 0 for the encoder's choice.
      tag: FourCC; "" for the default of the container.
      by_xvid: whether the films look like films of XviD.
    """

    name: str
    suffix: str
    height: int
    width: int
    frames: tuple[int, int]
    codec: str
    b_frames: int
    options: dict[str, str]
    bit_rate: int = 0
    tag: str = ""
    by_xvid: bool = False


KINDS = (
    Kind("HMDB-like", ".avi", 240, 320, (80, 120), "mpeg4", 2, {}, 700_000, by_xvid=True),
    # x264's default is a keyframe at least every 250 frames. Decoding of almost every clip must
    # therefore begin at the first frame.
    Kind(
        "Kinetics-like",
        ".mp4",
        256,
        454,
        (250, 300),
        "libx264",
        3,
        {"crf": "30", "profile": "high"},
    ),
)


def make(kind: Kind, folder: Path) -> list[Path]:
    """Makes the missing films of a set and returns the paths of all."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = kind.name
    if kind.by_xvid:
        stem += "_xvid"

    paths = []
    for seed in range(FILMS_PER_SET):
        path = folder / f"{stem}_{seed}{kind.suffix}"
        if not path.exists():
            # An interrupted run must not leave an incomplete film.
            part = path.with_stem(path.stem + "_part")
            _encode(kind, np.random.default_rng(seed), part)
            os.replace(part, path)
        paths.append(path)
    return paths


def _encode(kind: Kind, rng: np.random.Generator, path: Path) -> None:
    with av.open(f"file:{path}", "w") as container:
        stream = container.add_stream(kind.codec, rate=RATE, options=kind.options)
        stream.height, stream.width, stream.pix_fmt = kind.height, kind.width, "yuv420p"
        stream.codec_context.gop_size = _KEYFRAME_INTERVAL
        stream.codec_context.max_b_frames = kind.b_frames
        if kind.tag:
            stream.codec_context.codec_tag = kind.tag
        if kind.bit_rate:
            stream.bit_rate = kind.bit_rate

        num_frames = int(rng.integers(*kind.frames))
        packets = _packets(stream, scene(kind.height, kind.width, num_frames, rng))
        if kind.by_xvid:
            packets = _like_xvid(packets)
        for packet in packets:
            packet.stream = stream
            container.mux(packet)


def _packets(stream: av.VideoStream, pictures: Iterable[np.ndarray]) -> Iterator[av.Packet]:
    for picture in pictures:
        yield from stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    yield from stream.encode(None)


def _like_xvid(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """Yields MPEG-4 packets with XviD's signature and a null packet after the first."""
    for number, source in enumerate(packets):
        packet = av.Packet(_with_signature(bytes(source)))
        packet.time_base = source.time_base
        packet.is_keyframe = source.is_keyframe
        # The null packet takes one unit of time.
        packet.dts = packet.pts = number + bool(number)
        yield packet

        if not number:
            null = av.Packet(NULL)
            null.time_base = source.time_base
            null.dts = null.pts = 1
            yield null


def _with_signature(data: bytes) -> bytes:
    """Replaces the encoder's signature by XviD's, padded to the same length."""
    return ENCODER.sub(lambda match: XVID.ljust(len(match[0]), b"."), data)


@dataclasses.dataclass(frozen=True)
class _Sprite:
    """A textured ellipse that swings over the picture.

    Attributes:
      texture: uint8 RGB (256, 256, 3).
      speed: angular speed of the swing in x and y, in radians per frame.
      phase: phase of the swing in x and y, in radians.
      size: half the width of the ellipse, in pixels.
    """

    texture: np.ndarray
    speed: np.ndarray
    phase: np.ndarray
    size: float

    def draw(self, picture: np.ndarray, time: int) -> None:
        """Draws the ellipse into a picture, uint8 (H, W, 3), in place."""
        height, width = picture.shape[:2]
        swing = np.sin(self.speed * time + self.phase)
        centre = np.array([width, height]) * (0.5 + 0.4 * swing)
        turn = cv2.getRotationMatrix2D((128, 128), 40 * swing[0], 1.0)
        turn[:, 2] += centre - 128

        mask = np.zeros((height, width), np.uint8)
        axes = (2 * self.size, 2.6 * self.size)
        cv2.ellipse(mask, (centre.astype(int).tolist(), axes, 0), 1, -1)
        cv2.copyTo(cv2.warpAffine(self.texture, turn, (width, height)), mask, picture)


def scene(height: int, width: int, length: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields the pictures of a scene, uint8 RGB (H, W, 3).

    A camera pans and shakes over a landscape with four swinging ellipses. The film has grain.
    """
    landscape = _texture(1024, rng)
    textures = [_texture(256, rng) for _ in range(4)]
    grain = rng.normal(0, 1.0, (64 + height, 64 + width, 1)).astype(np.float32)
    place = rng.uniform(256, 512, 2)
    pan = rng.uniform(-1.5, 1.5, 2)
    speeds = rng.uniform(0.02, 0.12, (4, 2))
    phases = rng.uniform(0, 6.28, (4, 2))
    sizes = rng.uniform(0.1, 0.3, 4) * height
    sprites = list(map(_Sprite, textures, speeds, phases, sizes))

    for time in range(length):
        x, y = place + pan * time + rng.normal(0, 0.25, 2)
        shift = np.float32([[1, 0, x], [0, 1, y]])
        picture = cv2.warpAffine(landscape, shift, (width, height), flags=cv2.WARP_INVERSE_MAP)
        for sprite in sprites:
            sprite.draw(picture, time)

        top, left = rng.integers(64, size=2)
        grainy = picture + grain[top : top + height, left : left + width]
        yield np.clip(grainy, 0, 255).astype(np.uint8)


def _texture(size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns random colours, uint8 (S, S, 3), with the frequency spectrum of photographs."""
    frequency = np.hypot.outer(np.fft.fftfreq(size), np.fft.fftfreq(size))
    # The mean has frequency 0, which must not divide.
    frequency[0, 0] = 1
    noise = rng.standard_normal((size, size)) * 0.8 + rng.standard_normal((3, size, size)) * 0.2

    waves = np.fft.ifft2(np.fft.fft2(noise) / frequency**1.1).real
    waves /= waves.std(axis=(1, 2), keepdims=True)
    return np.clip(128 + 48 * waves, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
