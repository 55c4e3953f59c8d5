"""SHA-256 sums of all the files of a directory, in a file that `sha256sum -c` reads too."""

import hashlib
import os
import pathlib

from tqdm import tqdm

from albar_jax.data import storage
from albar_jax.errors import UserError
from albar_jax.files import write_text

SUMS = "SHA256SUMS"


def write(directory: str | os.PathLike[str]) -> None:
    """Writes the sums of the files in a directory without folders."""
    directory = pathlib.Path(directory)
    names = sorted(file.name for file in directory.iterdir() if file.name != SUMS)
    digests = _digests(directory, names)
    write_text(directory / SUMS, "".join(f"{digest}  {name}\n" for name, digest in digests.items()))


def names(directory: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the files that have a sum; raises UserError where there are no sums."""
    return list(_read(pathlib.Path(directory)))


def verify(directory: str | os.PathLike[str]) -> None:
    """Reads every file again; raises UserError naming the first that is missing or is not as it was written."""
    directory = pathlib.Path(directory)
    expected = _read(directory)
    for name, digest in _digests(directory, list(expected)).items():
        if digest != expected[name]:
            raise UserError(f"{directory / name} is damaged: its SHA-256 sum is not that of {SUMS}; copy it again")


def _read(directory: pathlib.Path) -> dict[str, str]:
    try:
        lines = (directory / SUMS).read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except OSError as error:
        raise UserError(f"cannot read {directory / SUMS}: {error.strerror}; copy or pack the data set again") from error
    except ValueError as error:
        raise UserError(f"{directory / SUMS} is not a list of SHA-256 sums; copy or pack the data set again") from error


def _digests(directory: pathlib.Path, names: list[str]) -> dict[str, str]:
    digests = {}
    try:
        total = sum((directory / name).stat().st_size for name in names)
        with tqdm(total=total, unit="B", unit_scale=True, desc="checksums") as bar:
            for name in names:
                with storage.StoredFile(directory / name) as file:
                    digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
                    bar.update(file.tell())
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}; copy or pack the data set again") from error
    return digests
