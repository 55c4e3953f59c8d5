"""Numbered images as a video: a folder of them, a .zip of them, or one image, a video of one frame.

This is how altered benchmark clips are published: SCUBA as `<video>__<k>/frame%06d.jpg` or as a .zip of these, SCUFO as
one image. Their users read them with PIL's `convert("RGB")` or torchvision's `decode_image`, so as there the alpha
channel is dropped and the orientation that a camera notes (EXIF) is ignored.

Numbers give the order and nothing else: frame i is the i-th image, so a gap in the numbers makes up no frame.
"""

import contextlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import UInt8

from albar_jax.data.pictures import open_picture
from albar_jax.data.readers import archives, jpeg
from albar_jax.data.readers.base import ChooseBox, Clip, DecodeError, Shrink, check_indices, whole
from albar_jax.data.suffixes import IMAGE_SUFFIXES, suffix
from albar_jax.files import ZIP_ERRORS
from albar_jax.storage import access, disk
from albar_jax.storage.budget import DEFAULT, Budget, BudgetError

# How such files begin.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
IMAGE = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

MAX_BYTES = 1 << 26  # of one image: a zip bomb has more
_NO_MEMORY = -4  # OpenCV's StsNoMem
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class FramesVideo:
    """An open video made of images; see `readers.base.Video`.

    Args:
      name: name of the video for messages.
      members: names of the images in order.
      fetch: returns the encoded bytes of a member.
      budget: limits of one `read`.
      close: closes the archive.
    """

    def __init__(
        self,
        name: str,
        members: list[str],
        fetch: Callable[[str], bytes],
        budget: Budget,
        close: Callable[[], None] = lambda: None,
    ):
        self.name = name
        self._members = members
        self._fetch = fetch
        self._budget = budget
        self._close = close

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._close()

    def __len__(self) -> int:
        return len(self._members)

    def read(
        self, indices, choose_box: ChooseBox = whole, shrink: Shrink | None = None
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        clip = Clip(check_indices(indices, len(self), self.name), shrink)
        numbers = list(clip.missing)
        size = None
        for number in numbers:
            member = self._members[number]
            with self._naming(member):
                image = _Image(self._fetch(member))
                if size is None:
                    size = image.size
                    box = choose_box(*size)
                elif image.size != size:
                    raise DecodeError(
                        f"its images have different sizes; the first that differs is {member}"
                    )
                clip.put(
                    number,
                    image.box(box, self._budget, len(numbers), may_reduce=shrink is not None),
                )
        return clip.frames

    @contextlib.contextmanager
    def _naming(self, member: str) -> Iterator[None]:
        try:
            yield
        except (*ZIP_ERRORS, DecodeError) as error:
            is_named = member == self.name or "different sizes" in str(error)
            where = self.name if is_named else f"{self.name}: {member}"
            raise DecodeError(f"{where}: {_reason(error)}") from error


def open_folder(path: str, budget: Budget = DEFAULT) -> FramesVideo:
    """Opens a folder of numbered images; raises DecodeError."""
    try:
        is_file = access.patiently(lambda: _list_frames(path), path)
    except OSError as error:
        raise DecodeError(f"{path}: {_reason(error)}") from error
    members = _in_order(is_file, path)
    for member in members:
        # Never opens a pipe, which may have no writer. `access.stat` raises for a broken link.
        if not is_file[member] and not stat.S_ISREG(
            access.stat(os.path.join(path, member)).st_mode
        ):
            raise DecodeError(f"{path}: {member} is not a regular file")
    return FramesVideo(
        path, members, lambda member: _read_file(os.path.join(path, member), budget), budget
    )


def _list_frames(path: str) -> dict[str, bool]:
    with disk.WAITING, os.scandir(path) as entries:
        return {entry.name: entry.is_file() for entry in entries if is_frame(entry.name)}


def open_zip(source: str | bytes, name: str, budget: Budget = DEFAULT) -> FramesVideo:
    """Opens a .zip of numbered images, or its bytes, without unpacking it; raises DecodeError."""
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else access.StoredFile(source)
        archives.check_directory(file)
        archive = zipfile.ZipFile(file)
        members = _in_order(archive.namelist(), name)
    except ZIP_ERRORS as error:
        raise DecodeError(f"{name}: {_reason(error)}") from error
    return FramesVideo(
        name, members, lambda member: _read_member(archive, member, budget), budget, file.close
    )


def open_image(source: str | bytes, name: str, budget: Budget = DEFAULT) -> FramesVideo:
    """Opens one image, or its bytes, as a video of one frame."""

    def fetch(_: str) -> bytes:
        return source if isinstance(source, bytes) else _read_file(source, budget)

    return FramesVideo(name, [name], fetch, budget)


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
            raise DecodeError(
                f"{name}: {images[0]!r} and {path!r} are not frames of one video: their names differ"
            )
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


def _read_file(path: str, budget: Budget) -> bytes:
    most = min(MAX_BYTES, budget.bytes)
    data = access.read_bytes(path, most + 1)
    if len(data) > most:
        raise DecodeError(f"an image has more than {most} bytes")
    return data


def _read_member(archive: zipfile.ZipFile, member: str, budget: Budget) -> bytes:
    info = archive.getinfo(member)
    if info.flag_bits & 1:
        raise DecodeError("it is encrypted")
    if info.file_size > MAX_BYTES:
        raise DecodeError(f"an image has {info.file_size} bytes; the limit is {MAX_BYTES}")
    budget.check_bytes(info.file_size, "an image")
    if info.compress_type not in archives.BOUNDED:
        raise DecodeError(
            f"it is compressed by method {info.compress_type}, not stored or deflated"
        )
    return archives.read_member(archive, info)


class _Image:
    """An encoded JPEG or PNG; `size` is its (height, width), read from its header."""

    def __init__(self, data: bytes):
        self._data = data
        self._is_jpeg = data.startswith(IMAGE[0])
        try:
            with open_picture(io.BytesIO(data), ("JPEG", "PNG")) as image:
                self.size = image.height, image.width
        except BudgetError as error:
            raise DecodeError(str(error)) from error
        except (OSError, ValueError, SyntaxError) as error:
            raise DecodeError("it is not a JPEG or PNG image") from error

    def box(
        self, box: tuple[int, int, int, int], budget: Budget, frames: int, *, may_reduce: bool
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Returns a box (top, left, height, width) in RGB; reduced if `frames` full images would exceed the budget."""
        by = jpeg.divisor(frames, *self.size, budget) if self._is_jpeg and may_reduce else 1
        budget.check_pixels(frames, *(-(-side // by) for side in self.size))
        image = self._decoded(by)
        top, left, height, width = (side // by for side in box)
        # At least one pixel of the reduced image.
        height, width = max(1, height), max(1, width)
        top, left = min(top, image.shape[0] - height), min(left, image.shape[1] - width)
        return image[top : top + height, left : left + width]

    def _decoded(self, by: int) -> UInt8[np.ndarray, "h w 3"]:
        # OpenCV 4 fills the missing part of a JPEG with grey. The end marker cannot occur in the pixel data.
        if self._is_jpeg and self._data.rfind(b"\xff\xd9") < self._data.rfind(b"\xff\xda"):
            raise DecodeError("it is cut off")
        if self._is_jpeg and jpeg.count_scans(self._data) > jpeg.MAX_SCANS:
            raise DecodeError(f"it has more than {jpeg.MAX_SCANS} scans, which is the limit")
        try:
            image = cv2.imdecode(
                np.frombuffer(self._data, np.uint8), _REDUCED[by] | cv2.IMREAD_IGNORE_ORIENTATION
            )
        except cv2.error as error:
            if error.code == _NO_MEMORY:
                raise MemoryError from error
            raise DecodeError("it is damaged") from error
        if image is None:
            raise DecodeError("it is damaged")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).replace("\n", " ") or type(error).__name__
