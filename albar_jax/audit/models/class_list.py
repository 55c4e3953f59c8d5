"""Reads the file that names the classes of a model."""

from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.storage.class_names import read_class_list


def read(path: Path | None) -> tuple[str, ...] | None:
    """Returns the class names of a file, one per line; None without a file.

    Raises:
      UserError: the file does not exist, or is no list of classes.
    """
    if path is None:
        return None

    names = read_class_list(path).names
    if not names:
        raise UserError(f"{path} names no classes; write one name per line, in their order")
    return names
