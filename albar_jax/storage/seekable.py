"""Defines the type of a file that readers may be given."""

from typing import Protocol


class SeekableFile(Protocol):
    """A binary file that is open for reading, such as `access.StoredFile` or an `io.BytesIO`.

    `typing.BinaryIO` does not include raw files.
    """

    def read(self, size: int = ..., /) -> bytes:
        """Returns at most `size` bytes, or the rest of the file if it is negative."""
        ...

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Sets the position and returns it."""
        ...

    def tell(self) -> int:
        """Returns the position."""
        ...

    def close(self) -> None:
        """Closes the file."""
        ...
