"""Detects films that begin like a picture: streams of JPEG or PNG pictures, and animated PNG."""

import io
import re
from typing import cast

from albar_jax.data.readers import png
from albar_jax.storage import access
from albar_jax.storage.seekable import SeekableFile

# ffmpeg's container names.
ANIMATED_PNG, PNGS, JPEGS = "apng", "png_pipe", "mjpeg"

# Markers of JPEG, ITU-T T.81 table B.1.
_JPEG = b"\xff\xd8"
# Frame headers, without the markers of tables in the same range.
_FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START, _END, _SCAN, _APP2 = 0xD8, 0xD9, 0xDA, 0xE2
# A marker after the data of a scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Network cameras put lines of text between pictures.
_NEXT_JPEG = re.compile(
    rb"[\0\r\n]*(--[^\r\n]{1,99}\r\n([\w-]+:[^\r\n]*\r\n)*\r\n)?\xff\xd8(?=\xff)"
)

# Segments of one picture. A file with more is not a picture, and each segment takes a step in
# Python.
MAX_SEGMENTS = 1 << 16
# Bytes of a stream's first picture; a longer one is refused.
MAX_BYTES = 1 << 26
_PADDING = re.compile(rb"\xff+")


def container_of(source: str | bytes) -> str | None:
    """Returns the container of a film that begins like a picture; None for a picture.

    It looks only at the content, so a file and its record are read in the same way. Unlike ffmpeg,
    it treats a stream of JPEG pictures named .jpg as a film.

    Raises:
      OSError: the path is wrong.
      StorageError: the system failed.
    """
    opened = io.BytesIO(source) if isinstance(source, bytes) else access.StoredFile(source)
    with opened as file:
        start = file.read(len(png.SIGNATURE))
        if start == png.SIGNATURE:
            return _container_of_png(file)
        if start.startswith(_JPEG):
            return _container_of_jpeg(start + file.read(MAX_BYTES))

    return None


def _container_of_png(file: SeekableFile) -> str | None:
    """Returns the container of an animated PNG or of a stream of PNG pictures, else None."""
    kind = b""
    count = 0
    while kind != b"IEND":
        count += 1
        if count > MAX_SEGMENTS:
            return None

        size = int.from_bytes(file.read(4))
        kind = file.read(4)
        if kind == b"acTL":
            return ANIMATED_PNG
        # The file is truncated.
        if len(kind) < 4:
            return None
        # Skips content and checksum.
        file.seek(size + 4, io.SEEK_CUR)

    return PNGS if file.read(len(png.SIGNATURE)) == png.SIGNATURE else None


def _container_of_jpeg(data: bytes) -> str | None:
    """Returns the container if another picture of the same size follows the first, else None.

    Cameras append a preview, a depth or gain map, or the other eye's view. The first picture then
    has an MPF segment (CIPA DC-007), or the sizes differ. Such a file is one picture.
    """
    size, end, lists_others = _scan_jpeg(data, 0)
    if not end or lists_others:
        return None

    following = _NEXT_JPEG.match(data, end)
    if following is None:
        return None

    other_size, _, _ = _scan_jpeg(data, following.end() - len(_JPEG))
    return JPEGS if other_size == size else None


def _scan_jpeg(data: bytes, start: int) -> tuple[bytes, int, bool]:
    """Reads the segments of a JPEG.

    Args:
      data: bytes of the file.
      start: offset of the JPEG.

    Returns:
      Its height and width as stored, the offset of its end (0 if unknown), and whether it has an
      MPF segment.
    """
    size = b""
    lists_others = False
    at = start + len(_JPEG)

    for _ in range(MAX_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        # Of several bytes 0xff, the last one belongs to the marker.
        padding = cast(re.Match[bytes], _PADDING.match(data, at))
        at = padding.end() - 1
        if at + 4 > len(data):
            break

        marker = data[at + 1]
        # Some cameras omit the end marker.
        if marker in (_START, _END):
            return size, at + 2 * (marker == _END), lists_others
        if marker in _FRAME_HEADERS:
            size = data[at + 5 : at + 9]
        lists_others |= marker == _APP2 and data.startswith(b"MPF\0", at + 4)

        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SCAN:
            following = _AFTER_SCAN.search(data, at)
            at = following.start() if following else len(data)

    # The loop ended at the last bytes of the file, or at a byte that is not a marker.
    is_end = data[at : at + 2] == bytes((0xFF, _END))
    return size, at + 2 if is_end else 0, lists_others
