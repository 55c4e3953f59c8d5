"""Decodes one JPEG or PNG image, at a reduced size if the budget requires it."""

import io

import cv2
import numpy as np
from jaxtyping import UInt8

from albar_jax.data.pictures import PICTURE_ERRORS, open_picture
from albar_jax.data.readers import jpeg
from albar_jax.data.readers.base import DecodeError
from albar_jax.storage.budget import Budget, BudgetError

# The first bytes of a JPEG.
JPEG_START = b"\xff\xd8\xff"

# Markers of a JPEG: end of the image, and start of a scan.
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = b"\xff\xda"
# OpenCV's StsNoMem.
_NO_MEMORY = -4
# Factor by which decoding reduces the sides -> OpenCV's flag.
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class EncodedImage:
    """A JPEG or PNG that is not decoded yet.

    The alpha channel is dropped and the orientation that a camera notes (EXIF) is ignored, as by
    PIL's `convert("RGB")` and torchvision's `decode_image`.

    Args:
      data: the bytes of the file.

    Attributes:
      size: (height, width), read from the header.

    Raises:
      DecodeError: it is not a JPEG or PNG, or has too many pixels.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._is_jpeg = data.startswith(JPEG_START)
        try:
            with open_picture(io.BytesIO(data), ("JPEG", "PNG")) as image:
                self.size = image.height, image.width
        except BudgetError as error:
            raise DecodeError(str(error)) from error
        except PICTURE_ERRORS as error:
            raise DecodeError("it is not a JPEG or PNG image") from error

    def box(
        self, box: tuple[int, int, int, int], budget: Budget, frames: int, *, may_reduce: bool
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Decodes the image and returns a box of it.

        Args:
          box: (top, left, height, width) in the full image, in pixels.
          budget: limit on the pixels of the clip.
          frames: number of images of the clip.
          may_reduce: whether to decode at a reduced size if `frames` full images would exceed the
            budget. The box is then reduced, too.

        Returns:
          The box, RGB in 0..255.

        Raises:
          DecodeError: the image is damaged.
          BudgetError: the images exceed the budget.
        """
        by = 1
        if self._is_jpeg and may_reduce:
            by = jpeg.divisor(frames, *self.size, budget)
        # Sides of the reduced image, rounded up.
        budget.check_pixels(frames, *(-(-side // by) for side in self.size))

        image = self._decode(by)
        top, left, height, width = (side // by for side in box)
        # At least one pixel of the reduced image.
        height = max(1, height)
        width = max(1, width)
        top = min(top, image.shape[0] - height)
        left = min(left, image.shape[1] - width)

        return image[top : top + height, left : left + width]

    def _decode(self, by: int) -> UInt8[np.ndarray, "h w 3"]:
        """Decodes the image with its sides divided by `by`."""
        if self._is_jpeg:
            self._check_jpeg()

        flags = _REDUCED[by] | cv2.IMREAD_IGNORE_ORIENTATION
        try:
            image = cv2.imdecode(np.frombuffer(self._data, np.uint8), flags)
        except cv2.error as error:
            if error.code == _NO_MEMORY:
                raise MemoryError from error
            raise DecodeError("it is damaged") from error
        if image is None:
            raise DecodeError("it is damaged")

        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _check_jpeg(self) -> None:
        """Raises DecodeError if a JPEG is cut off or would take too long to decode."""
        # OpenCV 4 fills the missing part of a JPEG with gray. The end marker cannot occur in the
        # pixel data.
        if self._data.rfind(_JPEG_END) < self._data.rfind(_JPEG_SCAN):
            raise DecodeError("it is cut off")
        if jpeg.count_scans(self._data) > jpeg.MAX_SCANS:
            raise DecodeError(f"it has more than {jpeg.MAX_SCANS} scans, which is the limit")
