"""Finds arrays that are missing in a folder of orbax, without opening any array."""

import json
from pathlib import Path

import tensorstore as ts

# Orbax stores each array under its name in one key-value database. This entry has its shape, in
# version 2 or 3 of the format Zarr.
_HEADER = {False: "/.zarray", True: "/zarr.json"}
# Empty nodes of a tree have other types.
_ARRAYS = ("jax.Array", "np.ndarray", "scalar")


def missing_arrays(folder: Path) -> list[str]:
    """Returns the sorted names of arrays that the metadata of a tree lists and its database lacks.

    This takes less than a millisecond. Orbax's own metadata takes a tenth of a second or more.

    Args:
      folder: folder of one tree of arrays of a checkpoint.

    Raises:
      OSError: the list of the arrays cannot be read.
      ValueError: the list or the database is damaged.
      KeyError: the list lacks an entry.
    """
    metadata = json.loads((folder / "_METADATA").read_text())
    expected = set()
    for entry in metadata["tree_metadata"].values():
        if entry["value_metadata"]["value_type"] in _ARRAYS:
            expected.add(".".join(key["key"] for key in entry["key_metadata"]))

    base = {"driver": "file", "path": f"{folder}/"}
    header = _HEADER[metadata.get("use_zarr3", False)]
    database = ts.KvStore.open({"driver": "ocdbt", "base": base}).result()
    stored = set()
    for key in database.list().result():
        name = key.decode()
        if name.endswith(header):
            stored.add(name.removesuffix(header))

    return sorted(expected - stored)
