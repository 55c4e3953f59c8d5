"""Hashes what determines the answers of a model."""

import dataclasses
import hashlib
import os

from albar_jax.audit.models.base import Options


def fingerprint(kind: str, files: list[str | os.PathLike[str]], *settings: object) -> str:
    """Returns a digest of the contents of files and of settings.

    Args:
      kind: the kind of model.
      files: files of weights or code.
      *settings: other settings that change answers; their `repr` is hashed.
    """
    digest = hashlib.sha256(kind.encode())
    for file in files:
        digest.update(file_digest(file).encode())
    for setting in settings:
        digest.update(b"\0" + repr(setting).encode())
    return digest.hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settings_of(options: Options) -> dict[str, object]:
    """Returns the options that may change answers: all but the device, classes and tests."""
    settings: dict[str, object] = {}
    for field in dataclasses.fields(options):
        if field.name not in ("device", "classes", "config"):
            settings[field.name] = getattr(options, field.name)
    return settings
