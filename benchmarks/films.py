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
RATE = 30  # frames a second
# XviD's packet for "no picture". Decoders accept it only in films with XviD's signature.
NULL = b"\x7f"
ENCODER, XVID = re.compile(rb"Lavc[0-9.]+"), b"XviD0050"


@dataclasses.dataclass(frozen=True)
class Kind:
    """How the films of a set are coded; `frames` is the shortest and the longest."""

    name: str
    suffix: str
    height: int
    width: int
    frames: tuple[int, int]
    codec: str
    b_frames: int
    options: dict[str, str]
    bit_rate: int = 0
    # FourCC, if it is not the container's default.
    tag: str = ""
    by_xvid: bool = False


KINDS = (
    Kind("HMDB-like", ".avi", 240, 320, (80, 120), "mpeg4", 2, {}, 700_000, by_xvid=True),
    # x264's defaults, a keyframe at least every 250 frames: hardly any clip can begin at another than the first.
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
    """Returns the films of a set; makes those that the folder lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    kept_as = f"{kind.name}_xvid" if kind.by_xvid else kind.name
    paths = [folder / f"{kept_as}_{seed}{kind.suffix}" for seed in range(FILMS_PER_SET)]
    for seed, path in enumerate(paths):
        if not path.exists():
            part = path.with_stem(path.stem + "_part")
            _encode(kind, np.random.default_rng(seed), part)
            os.replace(part, path)
    return paths


def _encode(kind: Kind, rng: np.random.Generator, path: Path) -> None:
    with av.open(f"file:{path}", "w") as container:
        stream = container.add_stream(kind.codec, rate=RATE, options=kind.options)
        stream.height, stream.width, stream.pix_fmt = kind.height, kind.width, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 250, kind.b_frames
        if kind.tag:
            stream.codec_context.codec_tag = kind.tag
        if kind.bit_rate:
            stream.bit_rate = kind.bit_rate
        packets = _packets(
            stream, scene(kind.height, kind.width, int(rng.integers(*kind.frames)), rng)
        )
        for packet in _as_xvid_sends(packets) if kind.by_xvid else packets:
            packet.stream = stream
            container.mux(packet)


def _packets(stream: av.VideoStream, pictures: Iterable[np.ndarray]) -> Iterator[av.Packet]:
    for picture in pictures:
        yield from stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    yield from stream.encode(None)


def _as_xvid_sends(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """Yields MPEG-4 packets with XviD's signature and a null packet after the first."""
    for place, source in enumerate(packets):
        packet = av.Packet(
            ENCODER.sub(lambda found: XVID.ljust(len(found[0]), b"."), bytes(source))
        )
        packet.time_base, packet.is_keyframe = source.time_base, source.is_keyframe
        packet.dts = packet.pts = place + bool(place)
        yield packet
        if not place:
            null = av.Packet(NULL)
            null.time_base = source.time_base
            null.dts = null.pts = 1
            yield null


def scene(height: int, width: int, length: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A camera that pans and shakes over a landscape in which four things swing about, with grain."""
    landscape, things = _texture(1024, rng), [_texture(256, rng) for _ in range(4)]
    grain = rng.normal(0, 1.0, (64 + height, 64 + width, 1)).astype(np.float32)
    place, pan = rng.uniform(256, 512, 2), rng.uniform(-1.5, 1.5, 2)
    speeds, phases = rng.uniform(0.02, 0.12, (4, 2)), rng.uniform(0, 6.28, (4, 2))
    sizes = rng.uniform(0.1, 0.3, 4) * height
    for time in range(length):
        x, y = place + pan * time + rng.normal(0, 0.25, 2)
        picture = cv2.warpAffine(
            landscape,
            np.float32([[1, 0, x], [0, 1, y]]),
            (width, height),
            flags=cv2.WARP_INVERSE_MAP,
        )
        for thing, speed, phase, size in zip(things, speeds, phases, sizes, strict=True):
            swing = np.sin(speed * time + phase)
            centre = np.array([width, height]) * (0.5 + 0.4 * swing)
            turn = cv2.getRotationMatrix2D((128, 128), 40 * swing[0], 1.0)
            turn[:, 2] += centre - 128
            mask = np.zeros((height, width), np.uint8)
            cv2.ellipse(mask, (centre.astype(int).tolist(), (2 * size, 2.6 * size), 0), 1, -1)
            cv2.copyTo(cv2.warpAffine(thing, turn, (width, height)), mask, picture)
        top, left = rng.integers(64, size=2)
        yield np.clip(picture + grain[top : top + height, left : left + width], 0, 255).astype(
            np.uint8
        )


def _texture(size: int, rng: np.random.Generator) -> np.ndarray:
    """Colours whose amplitudes fall with frequency as those of photographs do."""
    frequency = np.hypot.outer(np.fft.fftfreq(size), np.fft.fftfreq(size))
    frequency[0, 0] = 1
    noise = rng.standard_normal((size, size)) * 0.8 + rng.standard_normal((3, size, size)) * 0.2
    waves = np.fft.ifft2(np.fft.fft2(noise) / frequency**1.1).real
    waves /= waves.std(axis=(1, 2), keepdims=True)
    return np.clip(128 + 48 * waves, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
