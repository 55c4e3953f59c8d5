"""Parses and writes files that are trees of named chunks: MP4, Matroska, RIFF and PNG."""

import dataclasses
import zlib
from collections.abc import Callable

_BOXES = {
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"edts",
    b"dinf",
    b"udta",
    b"moof",
    b"traf",
    b"mvex",
}
# Segment, SeekHead, Info, Tracks, TrackEntry, Video, Cluster, Cues, CuePoint, BlockGroup.
_ELEMENTS = {
    b"\x18\x53\x80\x67",
    b"\x11\x4d\x9b\x74",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\xae",
    b"\xe0",
    b"\x1f\x43\xb6\x75",
    b"\x1c\x53\xbb\x6b",
    b"\xbb",
    b"\xa0",
}
_PNG = b"\x89PNG\r\n\x1a\n"
_DEPTH = 12


@dataclasses.dataclass
class Chunk:
    """A chunk: its name, and its bytes or inner chunks; `claims` replaces the true length."""

    name: bytes
    content: "bytes | list[Chunk]"
    claims: int | None = None


Build = Callable[[list[Chunk]], bytes]


def parse(data: bytes) -> tuple[list[Chunk], Build] | None:
    """Returns the chunks of a file and the function that writes them; None for other files."""
    if data[4:8] in (b"ftyp", b"moov", b"styp"):
        return _parse_boxes(data, 0), _build_boxes
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return _parse_elements(data, 0), _build_elements
    if data.startswith(b"RIFF"):
        return _parse_riff(data, 0), _build_riff
    if data.startswith(_PNG):
        return _parse_png(data), _build_png

    return None


def _parse_boxes(data: bytes, depth: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        name = data[at + 4 : at + 8]
        end = at + size if 8 <= size <= len(data) - at else len(data)
        inner = data[at + 8 : end]
        nested = name in _BOXES and depth < _DEPTH
        chunks.append(Chunk(name, _parse_boxes(inner, depth + 1) if nested else inner))
        at = end

    return chunks


def _build_boxes(chunks: list[Chunk]) -> bytes:
    pieces = []
    for chunk in chunks:
        content = _bytes(chunk, _build_boxes)
        pieces.append((_length(chunk, len(content) + 8) % 2**32).to_bytes(4) + chunk.name + content)

    return b"".join(pieces)


def _parse_riff(data: bytes, depth: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    at = 0
    while at + 8 <= len(data):
        name = data[at : at + 4]
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        inner = data[at + 8 : at + 8 + size]

        if name in (b"RIFF", b"LIST") and depth < _DEPTH:
            # The type of a list is part of its name.
            chunks.append(Chunk(name + inner[:4], _parse_riff(inner[4:], depth + 1)))
        else:
            chunks.append(Chunk(name, inner))

        at += 8 + size + size % 2

    return chunks


def _build_riff(chunks: list[Chunk]) -> bytes:
    pieces = []
    for chunk in chunks:
        content = chunk.name[4:] + _bytes(chunk, _build_riff)
        size = (_length(chunk, len(content)) % 2**32).to_bytes(4, "little")
        pieces.append(chunk.name[:4] + size + content + b"\0" * (len(content) % 2))

    return b"".join(pieces)


def _parse_elements(data: bytes, depth: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    at = 0
    while at + 2 <= len(data):
        name = data[at : at + _width(data[at])]
        at += len(name)
        if at >= len(data):
            break

        width = _width(data[at])
        size = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
        at += width
        # If all bits are one, the element extends to the end.
        end = len(data) if size == (1 << 7 * width) - 1 else min(len(data), at + size)
        inner = data[at:end]
        nested = name in _ELEMENTS and depth < _DEPTH
        chunks.append(Chunk(name, _parse_elements(inner, depth + 1) if nested else inner))
        at = end

    return chunks


def _build_elements(chunks: list[Chunk]) -> bytes:
    pieces = []
    for chunk in chunks:
        content = _bytes(chunk, _build_elements)
        size = _length(chunk, len(content)) % 2**56
        pieces.append(chunk.name + (1 << 56 | size).to_bytes(8) + content)

    return b"".join(pieces)


def _width(first: int) -> int:
    """Returns the number of bytes of a Matroska number, which its leading zero bits encode."""
    return 9 - first.bit_length() if first else 8


def _parse_png(data: bytes) -> list[Chunk]:
    chunks = []
    at = len(_PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append(Chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size

    return chunks


def _build_png(chunks: list[Chunk]) -> bytes:
    pieces = [_PNG]
    for chunk in chunks:
        content = _bytes(chunk, _build_png)
        size = (_length(chunk, len(content)) % 2**32).to_bytes(4)
        pieces.append(size + chunk.name + content + zlib.crc32(chunk.name + content).to_bytes(4))

    return b"".join(pieces)


def _bytes(chunk: Chunk, build: Build) -> bytes:
    return chunk.content if isinstance(chunk.content, bytes) else build(chunk.content)


def _length(chunk: Chunk, true: int) -> int:
    return true if chunk.claims is None else chunk.claims
