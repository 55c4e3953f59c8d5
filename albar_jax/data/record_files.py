"""Lists the files of a folder of records and reads its metadata, within limits and verified."""

import hashlib
import json
import os
from typing import Any

from albar_jax.data import checksums
from albar_jax.errors import UserError
from albar_jax.storage import access

INFO = "dataset_info.json"
FEATURES = "features.json"
MAX_METADATA_BYTES = 16 << 20
REMEDY = "copy or pack it again"


class RecordFiles:
    """The listing and the sums of a folder of records.

    Attributes:
      directory: path of the folder.
      entries: file name -> directory entry.
      sums: file name -> sum; None if the folder has no list of sums.
    """

    def __init__(self, directory: str):
        self.directory = directory
        self.entries = access.patiently(lambda: _list(directory), directory)
        self.sums = checksums.read(directory)

    def check_is_complete(self) -> None:
        """Raises UserError if a listed file or a file of metadata is missing."""
        required = {*(self.sums or ()), INFO, FEATURES}
        missing = sorted(required - set(self.entries))
        if missing:
            raise UserError(
                f"{self.directory} lacks {len(missing)} of its files, such as {missing[0]}; "
                f"{REMEDY}"
            )

    def unlisted(self) -> tuple[str, ...]:
        """Returns the files without a sum, sorted; none if there are no sums."""
        if self.sums is None:
            return ()
        listed = self.sums
        names = [name for name in self.entries if name not in listed and not _needs_no_sum(name)]
        return tuple(sorted(names))

    def check_file(self, name: str) -> None:
        """Raises UserError unless the file exists, is regular and is inside the folder."""
        path = os.path.join(self.directory, name)
        if name not in self.entries:
            raise UserError(f"{self.directory} lacks {name}; {REMEDY}")

        entry = self.entries[name]
        inside = os.path.realpath(self.directory) + os.sep
        if entry.is_symlink() and not os.path.realpath(path).startswith(inside):
            raise UserError(
                f"{path} is a link out of its folder; replace it by the file itself, for example "
                "with `cp -L`"
            )

        try:
            is_regular = access.patiently(entry.is_file, path)
        # A loop of links.
        except OSError:
            is_regular = False
        if not is_regular:
            raise UserError(f"{path} is not a regular file; {REMEDY}")

    def read_json(self, name: str) -> Any:
        """Reads a JSON file and verifies its sum.

        Raises:
          UserError: the file is missing, too large, or differs from its sum.
          ValueError: it is not JSON.
        """
        self.check_file(name)

        path = os.path.join(self.directory, name)
        content = access.read_bytes(path, MAX_METADATA_BYTES)
        if len(content) == MAX_METADATA_BYTES:
            raise UserError(
                f"{path} has more than {MAX_METADATA_BYTES >> 20} MB, too large for metadata; "
                f"{REMEDY}"
            )

        expected = (self.sums or {}).get(name)
        if expected is not None and expected != hashlib.sha256(content).hexdigest():
            raise UserError(checksums.damaged(path))

        return parse_json(content)


def _list(directory: str) -> dict[str, os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return {entry.name: entry for entry in entries}


def _needs_no_sum(name: str) -> bool:
    """Returns whether a file is the list of sums itself or a hidden file of the system."""
    return name == checksums.SUMS or name.startswith(".")


def parse_json(content: bytes) -> Any:
    """Parses JSON. Raises ValueError."""
    try:
        return json.loads(content)
    # A few hundred brackets cause this.
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
