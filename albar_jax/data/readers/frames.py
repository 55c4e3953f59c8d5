"""Numbered images as a video: a folder of them, a .zip of them, or one image, a video of one frame.

This is how altered benchmark clips are published: SCUBA as `<video>__<k>/frame%06d.jpg` or as a .zip of these, SCUFO as
one image. Their users read them with PIL's `convert("RGB")` or torchvision's `decode_image`, so as there the alpha
channel is dropped and the orientation that a camera notes (EXIF) is ignored.

Numbers give the order and nothing else: frame i is the i-th image, so a gap in the numbers makes up no frame.
"""

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from albar_jax.data import storage
from albar_jax.data.readers import png
from albar_jax.data.readers.base import MAX_PIXELS, ChooseBox, DecodeError, check_indices, whole
from albar_jax.data.suffixes import IMAGE_SUFFIXES, suffix

# How such files begin.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
IMAGE = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

MAX_BYTES = 1 << 26  # of one image: a zip bomb has more
_NO_MEMORY = -4  # OpenCV's StsNoMem
# What zipfile raises for a damaged or strange archive.
ZIP_ERRORS = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)


class FramesVideo:
    """Images as an open video, see `readers.base.Video`; `fetch` returns the encoded bytes of a member."""

    def __init__(
        self, name: str, members: list[str], fetch: Callable[[str], bytes], close: Callable[[], None] = lambda: None
    ):
        self.name = name
        self._members = members
        self._fetch = fetch
        self._close = close

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._close()

    def __len__(self) -> int:
        return len(self._members)

    def read(self, indices, choose_box: ChooseBox = whole) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        slots: dict[int, list[int]] = {}
        for slot, number in enumerate(check_indices(indices, len(self), self.name)):
            slots.setdefault(number, []).append(slot)
        video = None
        for number, places in slots.items():
            image = self._image(self._members[number])
            if video is None:
                size = image.shape
                top, left, height, width = choose_box(*size[:2])
                video = np.empty((sum(map(len, slots.values())), height, width, 3), np.uint8)
            if image.shape != size:
                raise DecodeError(f"{self.name}: its images have different sizes, from {self._members[number]} on")
            video[places] = image[top : top + height, left : left + width]
        return video

    def _image(self, member: str) -> UInt8[np.ndarray, "h w 3"]:
        try:
            return _decode(self._fetch(member))
        except (*ZIP_ERRORS, DecodeError) as error:
            where = self.name if member == self.name else f"{self.name}: {member}"
            raise DecodeError(f"{where}: {_reason(error)}") from error


def open_folder(path: str) -> FramesVideo:
    """Opens a folder of numbered images; raises DecodeError."""
    try:
        is_file = storage.patiently(lambda: _list_frames(path), path)
    except OSError as error:
        raise DecodeError(f"{path}: {_reason(error)}") from error
    members = _in_order(is_file, path)
    for member in members:
        # Never opens a pipe, which may have no writer. `storage.stat` raises for a broken link.
        if not is_file[member] and not stat.S_ISREG(storage.stat(os.path.join(path, member)).st_mode):
            raise DecodeError(f"{path}: {member} is not a regular file")
    return FramesVideo(path, members, lambda member: _read_file(os.path.join(path, member)))


def _list_frames(path: str) -> dict[str, bool]:
    with os.scandir(path) as entries:
        return {entry.name: entry.is_file() for entry in entries if is_frame(entry.name)}


def open_zip(source: str | bytes, name: str) -> FramesVideo:
    """Opens a .zip of numbered images, or its bytes, without unpacking it; raises DecodeError."""
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else storage.StoredFile(source)
        archive = zipfile.ZipFile(file)
        members = _in_order(archive.namelist(), name)
    except ZIP_ERRORS as error:
        raise DecodeError(f"{name}: {_reason(error)}") from error
    return FramesVideo(name, members, lambda member: _read_member(archive, member), file.close)


def open_image(source: str | bytes, name: str) -> FramesVideo:
    """Opens one image, or its bytes, as a video of one frame."""
    return FramesVideo(name, [name], lambda _: source if isinstance(source, bytes) else _read_file(source))


def _in_order(paths: Iterable[str], name: str) -> list[str]:
    """Returns the images among these in the order of their numbers, the last digits of each name."""
    images = [path for path in paths if is_frame(path)]
    if not images:
        raise DecodeError(f"{name}: it holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    if len(images) == 1:
        return images
    numbered: dict[int, str] = {}
    series = set()
    for path in images:
        match = re.fullmatch(r"(.*?)([0-9]{1,18})([^0-9]*)", os.path.splitext(path)[0], re.DOTALL)
        if match is None:
            raise DecodeError(f"{name}: the image {path!r} has no number")
        before, number, after = match.groups()
        other = numbered.setdefault(int(number), path)
        series.add((before, after))
        if len(series) > 1:
            raise DecodeError(f"{name}: {images[0]!r} and {path!r} are not frames of one video: their names differ")
        if other is not path:
            raise DecodeError(f"{name}: {other!r} and {path!r} have the same number")
    return [numbered[number] for number in sorted(numbered)]


def is_frame(path: str) -> bool:
    """Whether a file, named by its path within a folder or archive, is an image of the video there."""
    *folders, file = path.split("/")
    if any(part.startswith(".") for part in (*folders, file)) or "__MACOSX" in folders:
        return False
    # mmaction2 keeps optical flow (flow_x_%05d.jpg, flow_y_%05d.jpg) beside the frames that it is of.
    return suffix(file) in IMAGE_SUFFIXES and not file.startswith("flow_")


def _read_file(path: str) -> bytes:
    data = storage.read_bytes(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DecodeError(f"an image of more than {MAX_BYTES} bytes")
    return data


def _read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    info = archive.getinfo(member)
    if info.flag_bits & 1:
        raise DecodeError("it is encrypted")
    if info.file_size > MAX_BYTES:  # and zipfile stops there, whatever follows
        raise DecodeError(f"an image of {info.file_size} bytes; {MAX_BYTES} are the most")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DecodeError(f"it is compressed by method {info.compress_type}, not stored or deflated")
    return archive.read(info)


def _decode(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    if data.startswith(png.SIGNATURE) and png.claims_too_much(data):
        raise DecodeError("it is damaged: a chunk claims to be longer than the file")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            width, height = image.size  # from its header: nothing is decoded
    except Image.DecompressionBombError as error:
        raise DecodeError(str(error)) from error
    except (OSError, ValueError) as error:
        raise DecodeError("it is not a JPEG or PNG image") from error
    if width * height > MAX_PIXELS:
        raise DecodeError(f"an image of {width} x {height} pixels; {MAX_PIXELS} are the most")
    # OpenCV 4 paints what is missing of a JPEG grey. The end mark cannot occur in the pixels' data.
    if data.startswith(IMAGE[0]) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise DecodeError("it is cut off")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        if error.code == _NO_MEMORY:
            raise MemoryError from error
        raise DecodeError("it is damaged") from error
    if image is None:
        raise DecodeError("it is damaged")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).replace("\n", " ") or type(error).__name__
