"""Compares the shards that a stream reads with `SHA256SUMS`, while it reads them.

Small data sets are compared before the first batch. Large ones are compared in the background,
because reading a data set such as Kinetics takes many minutes. Until then ArrayRecord's own checksum of
each record, which is compared at every read, finds flipped bits.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from albar_jax.data import checksums, records, shard_sums, storage
from albar_jax.data.record_folder import RecordFolder
from albar_jax.escapes import notify

Item = TypeVar("Item")

# Shards of at most this size together are compared before the first batch, within seconds.
WAIT_BYTES = 1 << 30

# Directories whose notes were printed, and shards that were compared, by this process.
_NOTED: set[str] = set()
_COMPARED: set[str] = set()


def compared(items: Iterable[Item], paths: Sequence[str]) -> Iterator[Item]:
    """Yields the items while the shards of their videos are compared with their sums.

    Prints a note for a data set without sums, for files without a sum, and if the items end first.

    Args:
      items: made of the videos, such as batches.
      paths: the videos; paths that name no record are ignored.

    Raises:
      StorageError: a shard is damaged, or the system failed to read it. It names the shard.
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
    """Compares shards in a thread of its own, one after the other.

    Args:
      work: the sums of each shard's folder, by the path of the shard.
    """

    def __init__(self, work: Mapping[str, Mapping[str, str]]):
        self._work = work
        self._fault: Exception | None = None
        self._has_stopped = threading.Event()
        # A daemon: the process need not wait for it to exit.
        self._thread = threading.Thread(target=self._run, name="shard sums", daemon=True)

    def start(self) -> None:
        """Starts the thread; waits for it if the shards are small. Raises as `raise_fault`."""
        size = _size(self._work)
        self._thread.start()
        if size is not None:
            self._thread.join()
            self.raise_fault()
        else:
            _print(f"comparing {len(self._work)} shards with {checksums.SUMS} in the background")

    def raise_fault(self) -> None:
        """Raises the error of a shard that was compared so far."""
        if self._fault is not None:
            raise self._fault

    def note_rest(self) -> None:
        """Prints how many shards were not compared yet."""
        if rest := sum(path not in _COMPARED for path in self._work):
            _print(f"{rest} of {len(self._work)} shards were not compared with {checksums.SUMS}: the end came first")

    def stop(self) -> None:
        """Ends the thread after the shard that it is reading."""
        self._has_stopped.set()

    def _run(self) -> None:
        try:
            for path, sums in self._work.items():
                if self._has_stopped.is_set():
                    return
                shard_sums.refuse_damaged(path, sums, "in advance")
                _COMPARED.add(path)
        # Raised by the main thread.
        except Exception as error:
            self._fault = error


def _size(paths: Iterable[str]) -> int | None:
    """Returns the size of the files in bytes; None if it is more than WAIT_BYTES."""
    size = 0
    for path in paths:
        size += storage.stat(path).st_size
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
            f"{directory} has {count} files that {checksums.SUMS} does not list, {first} first; they are not compared"
        )


def _print(note: str) -> None:
    notify(f"note: {note}")
