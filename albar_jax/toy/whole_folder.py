"""Makes a generated data set in a folder, complete or not at all."""

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError
from albar_jax.storage import json_files, temporary
from albar_jax.storage.lock import locked

# The settings of the data set; marks it as complete.
SETTINGS = "dataset.json"


def make_whole(
    out: str | os.PathLike,
    settings: Mapping[str, Any],
    title: str,
    write: Callable[[Path], None],
) -> bool:
    """Makes a data set in a folder, unless it is there.

    Args:
      out: the folder.
      settings: everything that determines the data set, for its `dataset.json`.
      title: name of its kind for messages, such as "a quickstart data set".
      write: writes the data set to an empty folder.

    Returns:
      False if the folder already holds this data set, True otherwise.

    Raises:
      UserError: the folder holds something else or cannot be written.
    """
    out = Path(out)
    if _is_complete(out, settings, title):
        return False

    target = out.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        # Another process may be making the same data set. The lock of `out` itself is not used,
        # because a study holds it for its runs.
        lock = target.with_name(f".{target.name}{temporary.SUFFIX}.lock")
        with locked(lock, wait=True):
            if _is_complete(out, settings, title):
                return False
            with temporary.folder_beside(target) as partial:
                write(partial)
                (partial / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")
                temporary.put_in_place(partial, target)
    except OSError as error:
        raise UserError(f"cannot make {out}: {error.strerror or error}; {_remedy(error)}") from None
    return True


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space or choose another --out"
    return "choose an --out that you can write to"


def _is_complete(out: Path, settings: Mapping[str, Any], title: str) -> bool:
    """Returns whether a folder holds this data set; False if it is absent or empty.

    Raises:
      UserError: the folder holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False

    try:
        recorded = json_files.read(out / SETTINGS)
    except UserError:
        raise UserError(f"{out} exists and is not {title}; give another --out") from None
    if recorded != settings:
        raise UserError(
            f"{out} was made with {recorded}, not {settings}; remove it or give another --out"
        )
    return True
