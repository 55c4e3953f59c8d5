"""Knows which videos are being read right now, so that those which a dead worker leaves behind can be named."""

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator, Mapping

from albar_jax.data.readers.base import DecodeError


@dataclasses.dataclass(frozen=True)
class Watch:
    """What the threads of all workers share.

    Attributes:
      folder: where an empty file lies for each clip that is being read; None where nobody needs to know. Files
        outlive the process that made them, however it ends.
      banned: path -> reason of the videos that killed a worker; they are not read again.
    """

    folder: str | None
    banned: Mapping[str, str]

    @contextlib.contextmanager
    def reading(self, row: int, path: str) -> Iterator[None]:
        """Notes that row `row` of the manifest is being read; raises DecodeError for a banned video."""
        if path in self.banned:
            raise DecodeError(f"{path}: {self.banned[path]}")
        if self.folder is None:
            yield
            return
        note = os.path.join(self.folder, f"{row}.{os.getpid()}.{threading.get_ident()}")
        os.close(os.open(note, os.O_CREAT | os.O_WRONLY))
        try:
            yield
        finally:
            os.unlink(note)


def rows(folder: str) -> list[int]:
    """The rows that are being read, or were when their reader died."""
    return sorted({int(name.partition(".")[0]) for name in os.listdir(folder)})
