"""Verifies the shards of a stream against `SHA256SUMS` while the stream reads them.

Small data sets are verified before the first batch. Large ones are verified in the background,
because reading a data set such as Kinetics takes many minutes. In the meantime, flipped bits are found
by ArrayRecord's own checksum of each record, which is verified at every read.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from albar_jax.data import checksums, records, shard_sums
from albar_jax.data.record_folder import RecordFolder
from albar_jax.storage import access
from albar_jax.terminal.escapes import notify

Item = TypeVar("Item")

# Bytes of all shards that are verified before the first batch, which takes a few seconds.
WAIT_BYTES = 1 << 30

# Directories whose notes this process has printed, and shards that it has verified.
_NOTED: set[str] = set()
_COMPARED: set[str] = set()


def compared(items: Iterable[Item], paths: Sequence[str]) -> Iterator[Item]:
    """Yields the items while a thread verifies the shards of their videos.

    Prints a note for a data set without sums, for files without a sum, and for shards that are not verified when the
    items end.

    Args:
      items: batches or other items that are made of the videos.
      paths: paths of the videos; paths that do not name a record are ignored.

    Raises:
      StorageError: a shard is damaged, or the system failed to read it; the message names the shard.
    """
    shards = records.shards_of(paths)
    for directory in shards.keys() - _NOTED:
        _note(directory, records.folder_of(directory))
    work = {
        shard.path: sums
        for directory, found in shards.items()
        if (sums := records.folder_of(directory).sums) is not None
        for shard in found
        if shard.path not in _COMPARED
    }

    comparison = _Comparison(work)
    try:
        comparison.start()
        for item in items:
            comparison.raise_fault()
            yield item
        comparison.raise_fault()
        comparison.note_rest()
    finally:
        comparison.stop()


class _Comparison:
    """Verifies shards one after the other in its own thread.

    Args:
      work: path of a shard -> the sums of its folder.
    """

    def __init__(self, work: Mapping[str, Mapping[str, str]]):
        self._work = work
        self._fault: Exception | None = None
        self._has_stopped = threading.Event()
        # A daemon thread, so that the process can exit without waiting for it.
        self._thread = threading.Thread(target=self._run, name="shard sums", daemon=True)

    def start(self) -> None:
        """Starts the thread and waits for it if the shards are small; raises the same errors as `raise_fault`."""
        size = _size(self._work)
        self._thread.start()
        if size is not None:
            self._thread.join()
            self.raise_fault()
        else:
            _print(f"verifying {len(self._work)} shards against {checksums.SUMS} in the background")

    def raise_fault(self) -> None:
        """Raises the error of a damaged shard, if one has been found."""
        if self._fault is not None:
            raise self._fault

    def note_rest(self) -> None:
        """Prints how many shards have not been verified."""
        if rest := sum(path not in _COMPARED for path in self._work):
            _print(
                f"{rest} of {len(self._work)} shards were not verified by {checksums.SUMS}: the run ended first"
            )

    def stop(self) -> None:
        """Stops the thread after the shard that it is reading."""
        self._has_stopped.set()

    def _run(self) -> None:
        try:
            for path, sums in self._work.items():
                if self._has_stopped.is_set():
                    return
                shard_sums.refuse_damaged(path, sums, "in advance")
                _COMPARED.add(path)
        # The main thread raises it.
        except Exception as error:
            self._fault = error


def _size(paths: Iterable[str]) -> int | None:
    """Returns the total size of the files in bytes; None if it exceeds WAIT_BYTES."""
    size = 0
    for path in paths:
        size += access.stat(path).st_size
        if size > WAIT_BYTES:
            return None
    return size


def _note(directory: str, folder: RecordFolder) -> None:
    _NOTED.add(directory)
    if folder.sums is None:
        _print(checksums.without_sums(directory))
    if folder.unlisted:
        count, first = len(folder.unlisted), folder.unlisted[0]
        _print(
            f"{directory} has {count} files that {checksums.SUMS} does not list, such as {first}; they are not verified"
        )


def _print(note: str) -> None:
    notify(f"note: {note}")
