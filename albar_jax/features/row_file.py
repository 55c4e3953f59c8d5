"""Holds the rows of a video in a temporary file, so that memory does not grow with the video."""

import os
import tempfile
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from albar_jax.errors import StorageError

# Rows that are in memory at once. A row of the layout `mgfn` has 80 KB.
BLOCK_ROWS = 64


class Rows(Protocol):
    """The rows of a video: an array, float32 (T, crops, C), or a `RowFile`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Returns (T, crops, C)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Float32[np.ndarray, "t crops c"]: ...


def in_blocks(rows: Rows) -> Iterator[Float32[np.ndarray, "t crops c"]]:
    """Yields all rows in order, at most `BLOCK_ROWS` at once."""
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


class RowFile:
    """Rows in a temporary file without a name, which the system removes when it is closed.

    Args:
      folder: an existing folder on the disk of the features.
      crops: crops of a row.
      width: number of features of a crop, C.
    """

    def __init__(self, folder: str | os.PathLike[str], crops: int, width: int):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` closes it
        self._crops = crops
        self._width = width
        self._num_vectors = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Returns (T, crops, C) of the complete rows."""
        return len(self), self._crops, self._width

    def __len__(self) -> int:
        return self._num_vectors // self._crops

    def append(self, vectors: Float32[np.ndarray, "n c"]) -> None:
        """Adds the features of crops. The crops of a row may come in several calls."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(np.ascontiguousarray(vectors, np.float32).data)
        self._num_vectors += len(vectors)

    def __getitem__(self, rows: slice, /) -> Float32[np.ndarray, "t crops c"]:
        start, stop, _ = rows.indices(len(self))
        size = self._crops * self._width
        block = np.empty((max(0, stop - start), self._crops, self._width), np.float32)
        self._file.seek(start * size * block.itemsize)
        if self._file.readinto(block.data) != block.nbytes:
            raise StorageError(
                "a temporary file of features has lost its end; check the disk, and repeat the "
                "command to resume"
            )
        return block

    def close(self) -> None:
        """Closes and removes the file."""
        self._file.close()


class RowFiles:
    """The rows of the videos that are being read. Use it as a context manager.

    Args:
      folder: see `RowFile`.
      crops: see `RowFile`.
      width: see `RowFile`.
    """

    def __init__(self, folder: str | os.PathLike[str], crops: int, width: int):
        self._folder = folder
        self._crops = crops
        self._width = width
        self._files: dict[int, RowFile] = {}

    def __enter__(self) -> "RowFiles":
        return self

    def __exit__(self, *exc) -> None:
        for video in [*self._files]:
            self.close(video)

    def __getitem__(self, video: int) -> RowFile:
        """Returns the rows of a video; a video without a file gets an empty one."""
        if video not in self._files:
            self._files[video] = RowFile(self._folder, self._crops, self._width)
        return self._files[video]

    def close(self, video: int) -> None:
        """Removes the rows of a video, if it has any."""
        if video in self._files:
            self._files.pop(video).close()
