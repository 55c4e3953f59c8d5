"""Reads numbered images as a video: a folder of images, a .zip of images, or a single image.

Altered benchmark clips are published in this form: SCUBA as `<video>__<k>/frame%06d.jpg` or as a
.zip of these, SCUFO as one image. `image` decodes the images as their users do.

The numbers only give the order: frame i is the i-th image, so a gap in the numbers adds no frame.
"""

import contextlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import UInt8

from albar_jax.data.readers import archives, png
from albar_jax.data.readers.base import (
    ChooseBox,
    Clip,
    DecodeError,
    Shrink,
    Untimed,
    check_indices,
    reason_of,
    whole,
)
from albar_jax.data.readers.image import JPEG_START, EncodedImage
from albar_jax.data.suffixes import IMAGE_SUFFIXES, suffix
from albar_jax.files import ZIP_ERRORS
from albar_jax.storage import access, disk
from albar_jax.storage.budget import DEFAULT, Budget

# The first bytes of such files. The second form of a zip is an empty archive.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
IMAGE = (JPEG_START, png.SIGNATURE)

# Bytes of one image; a zip bomb has more.
MAX_BYTES = 1 << 26

# The last digits of a name, and the text around them.
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*)", re.DOTALL)


class FramesVideo(Untimed):
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
        read_box = self.boxes(choose_box, len(clip.missing), may_reduce=shrink is not None)
        for number in list(clip.missing):
            pixels = read_box(number)
            with self._naming(self._members[number]):
                clip.put(number, pixels)

        return clip.frames

    def boxes(
        self, choose_box: ChooseBox, at_once: int, *, may_reduce: bool
    ) -> Callable[[int], UInt8[np.ndarray, "h w 3"]]:
        """Returns a function that reads the box of a frame, given its number.

        Args:
          choose_box: see `readers.base.Video`.
          at_once: number of frames that share the budget.
          may_reduce: whether to decode pictures at a reduced size to meet the budget.

        Returns:
          The function. It raises DecodeError, also for pictures of different sizes.
        """
        size = box = None

        # jaxtyping's annotation is a class, which Python would make for each video.
        def read_box(number: int) -> np.ndarray:
            nonlocal size, box
            member = self._members[number]
            with self._naming(member):
                image = EncodedImage(self._fetch(member))
                if size is None or box is None:
                    size = image.size
                    box = choose_box(*size)
                elif image.size != size:
                    raise _SizesDifferError(
                        f"its images have different sizes; the first that differs is {member}"
                    )
                return image.box(box, self._budget, at_once, may_reduce=may_reduce)

        return read_box

    @contextlib.contextmanager
    def _naming(self, member: str) -> Iterator[None]:
        """Adds the names of the video and of the member to the message of an error."""
        try:
            yield
        except (*ZIP_ERRORS, DecodeError) as error:
            is_named = member == self.name or isinstance(error, _SizesDifferError)
            place = self.name if is_named else f"{self.name}: {member}"
            raise DecodeError(f"{place}: {_reason(error)}") from error


class _SizesDifferError(DecodeError):
    """An error for images of different sizes, which names the member itself."""


def open_folder(path: str, budget: Budget = DEFAULT) -> FramesVideo:
    """Opens a folder of numbered images; raises DecodeError."""
    try:
        is_file = access.patiently(lambda: list_frames(path), path)
    except OSError as error:
        raise DecodeError(f"{path}: {_reason(error)}") from error

    members = _in_order(is_file, path)
    for member in members:
        if is_file[member]:
            continue
        # Never opens a pipe, which may have no writer. `access.stat` raises for a broken link.
        if not stat.S_ISREG(access.stat(os.path.join(path, member)).st_mode):
            raise DecodeError(f"{path}: {member} is not a regular file")

    def fetch(member: str) -> bytes:
        return _read_file(os.path.join(path, member), budget)

    return FramesVideo(path, members, fetch, budget)


def list_frames(path: str) -> dict[str, bool]:
    """Returns the images in a folder: name -> whether it is known to be a regular file.

    Raises:
      OSError: it is not a folder, or cannot be read.
    """
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

    def fetch(member: str) -> bytes:
        return _read_member(archive, member, budget)

    return FramesVideo(name, members, fetch, budget, file.close)


def open_image(source: str | bytes, name: str, budget: Budget = DEFAULT) -> FramesVideo:
    """Opens one image, or its bytes, as a video of one frame."""

    def fetch(_: str) -> bytes:
        if isinstance(source, bytes):
            return source
        return _read_file(source, budget)

    return FramesVideo(name, [name], fetch, budget)


def _in_order(paths: Iterable[str], name: str) -> list[str]:
    """Selects the images and sorts them by number, the last digits of each name.

    Args:
      paths: files of a folder or archive.
      name: name of the video for messages.

    Raises:
      DecodeError: there are no images, or they are not one numbered series.
    """
    images = [path for path in paths if is_frame(path)]
    if not images:
        raise DecodeError(f"{name}: it holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    # A single image needs no number.
    if len(images) == 1:
        return images

    numbered: dict[int, str] = {}
    series = set()
    for path in images:
        match = _NUMBERED.fullmatch(os.path.splitext(path)[0])
        if match is None:
            raise DecodeError(f"{name}: the image {path!r} has no number")

        before, number, after = match.groups()
        other = numbered.setdefault(int(number), path)
        series.add((before, after))
        if len(series) > 1:
            raise DecodeError(
                f"{name}: {images[0]!r} and {path!r} are not frames of one video: their names "
                "differ"
            )
        if other is not path:
            raise DecodeError(f"{name}: {other!r} and {path!r} have the same number")

    return [numbered[number] for number in sorted(numbered)]


def is_frame(path: str) -> bool:
    """Returns whether a file is an image of the video in its folder or archive.

    Args:
      path: path of the file within the folder or archive.
    """
    *folders, file = path.split("/")
    if any(part.startswith(".") for part in (*folders, file)) or "__MACOSX" in folders:
        return False

    # mmaction2 keeps optical flow (flow_x_%05d.jpg, flow_y_%05d.jpg) in the folder of the frames.
    return suffix(file) in IMAGE_SUFFIXES and not file.startswith("flow_")


def _read_file(path: str, budget: Budget) -> bytes:
    most = min(MAX_BYTES, budget.bytes)
    # One byte more, to detect a larger file.
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


def _reason(error: Exception) -> str:
    """Returns the reason of an error in one line."""
    return reason_of(error).replace("\n", " ") or type(error).__name__
