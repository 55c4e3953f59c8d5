"""Reads a table with the two names of each class: the model's and the test set's."""

import os

from albar_jax.errors import UserError
from albar_jax.storage import csv_files

COLUMNS = ("model", "test")


def read(path: str | os.PathLike[str]) -> dict[str, str]:
    """Returns the test set's name of each class of the model.

    Args:
      path: CSV file with the columns `model,test`. Several classes of the model may be one class of
        the test set.

    Raises:
      UserError: the file is malformed, or names a class of the model twice.
    """
    table = csv_files.read_table(path, COLUMNS, expects="model,test")
    name_of: dict[str, str] = {}
    for row, fields in enumerate(table.rows):
        model, test = fields["model"], fields["test"]
        if not model or not test:
            raise UserError(f"{table.where(row)} lacks a name; write model,test")
        if name_of.setdefault(model, test) != test:
            raise UserError(
                f"{table.where(row)} gives the model's class {model!r} a second name, {test!r}; "
                "keep one of them"
            )
    return name_of
