"""Limits the cost of one clip in pixels, bytes and seconds.

A small file can claim, or unpack to, far more than the memory holds. Past a limit the video is
unreadable, and the message names the limit, the value and the setting.
"""

import dataclasses

SECTION = "config.loader"
# Pixels of one picture or film frame: twice an 8K frame. A larger size would only fill the memory.
MAX_PIXELS = 1 << 26
# Frames of a film: 9 hours at 30 frames per second. The index needs about 1 KB of memory per frame.
MAX_FRAMES = 1 << 20
# Bytes of any single file or archive member that is read at once.
MAX_BYTES = 1 << 31


class BudgetError(ValueError):
    """An error for a file that would exceed a limit; its message does not name the file."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """The limits of one clip.

    Attributes:
      pixels: decoded pixels of all its frames together, at least 1. JPEG pictures are decoded at
        1/2, 1/4 or 1/8 of their size to meet it.
      bytes: bytes of its file, or of one member of an archive, 1 to `MAX_BYTES`. It also limits the
        compressed data of all packets of a film.
      seconds: time to read it, in seconds; 0 for no limit.
    """

    pixels: int = 1 << 30
    bytes: int = MAX_BYTES
    seconds: float = 120.0

    def check_bytes(self, count: int, what: str) -> None:
        """Raises BudgetError if `what` has more than `bytes` bytes."""
        if count > self.bytes:
            raise BudgetError(
                f"{what} has {count:,} bytes; {SECTION}.clip_bytes allows {self.bytes:,}"
            )

    def check_pixels(self, frames: int, height: int, width: int) -> None:
        """Raises BudgetError if frames of this size have more than `pixels` pixels in total."""
        pixels = frames * height * width
        if pixels > self.pixels:
            raise BudgetError(
                f"{frames} frames of {width} x {height} have {pixels:,} pixels; "
                f"{SECTION}.clip_pixels allows {self.pixels:,}"
            )


DEFAULT = Budget()


def check_picture(height: int, width: int) -> None:
    """Raises BudgetError for a picture of more than `MAX_PIXELS` pixels."""
    if height * width > MAX_PIXELS:
        raise BudgetError(f"it has {width} x {height} pixels; the limit is {MAX_PIXELS:,}")
