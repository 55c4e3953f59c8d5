"""Verifies the shards of a stream against `SHA256SUMS` while the stream reads them.

Small data sets are verified before the first batch. Large ones are verified in the background,
because reading a data set such as Kinetics takes many minutes. In the meantime, flipped bits are
found by ArrayRecord's own checksum of each record, which is verified at every read.
"""

import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
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
_VERIFIED: set[str] = set()


def with_verified_shards(
    items: Iterable[Item], paths: Sequence[str]
) -> Generator[Item, None, None]:
    """Yields the items while a thread verifies the shards of their videos.

    Prints a note for a data set without sums, for files without a sum, and for shards that are not
    verified when the items end.

    Args:
      items: batches or other items that are made from the videos.
      paths: paths of the videos; paths that do not name a record are ignored.

    Raises:
      StorageError: a shard is damaged, or the system failed to read it; the message names the
        shard.
    """
    shards = records.shards_of(paths)
    for directory in shards.keys() - _NOTED:
        _note(directory, records.folder_of(directory))

    # Path of a shard -> the sums of its folder.
    sums_of: dict[str, Mapping[str, str]] = {}
    for directory, shards_in_directory in shards.items():
        sums = records.folder_of(directory).sums
        if sums is None:
            continue
        for shard in shards_in_directory:
            if shard.path not in _VERIFIED:
                sums_of[shard.path] = sums

    comparison = _Comparison(sums_of)
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
    """A thread that verifies shards one after another.

    Args:
      sums_of: path of a shard -> the sums of its folder.
    """

    def __init__(self, sums_of: Mapping[str, Mapping[str, str]]):
        self._sums_of = sums_of
        self._fault: Exception | None = None
        self._must_stop = threading.Event()
        # A daemon thread, so that the process can exit without waiting for it.
        self._thread = threading.Thread(target=self._run, name="shard sums", daemon=True)

    def start(self) -> None:
        """Starts the thread, and waits for it if the shards are small.

        Raises:
          StorageError: as `raise_fault`.
        """
        is_small = _are_small(self._sums_of)
        self._thread.start()

        if is_small:
            self._thread.join()
            self.raise_fault()
        else:
            count = len(self._sums_of)
            _print(f"verifying {count} shards against {checksums.SUMS} in the background")

    def raise_fault(self) -> None:
        """Raises the StorageError of the first damaged shard, if one has been found."""
        if self._fault is not None:
            raise self._fault

    def note_rest(self) -> None:
        """Prints how many shards have not been verified."""
        rest = sum(path not in _VERIFIED for path in self._sums_of)
        if rest:
            _print(
                f"{rest} of {len(self._sums_of)} shards were not verified by {checksums.SUMS}: the "
                "run ended first"
            )

    def stop(self) -> None:
        """Stops the thread after the shard that it is reading."""
        self._must_stop.set()

    def _run(self) -> None:
        try:
            for path, sums in self._sums_of.items():
                if self._must_stop.is_set():
                    return
                shard_sums.refuse_damaged(path, sums, "in advance")
                _VERIFIED.add(path)
        # The main thread raises it.
        except Exception as error:
            self._fault = error


def _are_small(paths: Iterable[str]) -> bool:
    """Returns whether the files have at most WAIT_BYTES in total."""
    size = 0
    for path in paths:
        size += access.stat(path).st_size
        if size > WAIT_BYTES:
            return False
    return True


def _note(directory: str, folder: RecordFolder) -> None:
    _NOTED.add(directory)
    if folder.sums is None:
        _print(checksums.without_sums(directory))

    if folder.unlisted:
        count = len(folder.unlisted)
        _print(
            f"{directory} has {count} files that {checksums.SUMS} does not list, such as "
            f"{folder.unlisted[0]}; they are not verified"
        )


def _print(note: str) -> None:
    notify(f"note: {note}")
