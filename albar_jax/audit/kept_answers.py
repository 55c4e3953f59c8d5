"""Caches the answers of a model in files, so that no clip is asked about twice.

FOLDER/<fingerprint>/<command>.jsonl has one line for each batch: the key and the answer of each
clip. A line that a kill has cut off, or that is damaged, is ignored, and its clips are asked again.
"""

import base64
import binascii
import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from albar_jax.audit.models.base import Answer
from albar_jax.errors import naming
from albar_jax.files import read_lines
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside, open_own, own_folder, remove_folder
from albar_jax.storage.journal_lines import end_torn_line, seal, unseal

_DIGITS = 32
# An answer without probabilities or class.
_ABSTAINS = "-"


class KeptAnswers:
    """The cached answers of a model. Use it as a context manager.

    Args:
      folder: folder of all models.
      fingerprint: identifies the model.
      command: identifies the command that writes; no other one writes at the same time.
      is_valid: returns whether the model can have given an answer; others are ignored.
    """

    def __init__(
        self, folder: Path, fingerprint: str, command: str, is_valid: Callable[[Answer], bool]
    ):
        name = fingerprint[:_DIGITS]
        folder_of_model = own_folder(folder, name)
        self._path = inside(folder, name, f"{_short(command)}.jsonl")
        self._answer_of: dict[str, Answer] = {}
        for path in sorted(folder_of_model.glob("*.jsonl")):
            for key, answer in read(path):
                if is_valid(answer):
                    self._answer_of[key] = answer

    def __enter__(self) -> "KeptAnswers":
        self._file = open_own(self._path)
        with naming(self._path):
            end_torn_line(self._file)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._answer_of

    def __getitem__(self, key: str) -> Answer:
        return self._answer_of[key]

    def add(self, keys: Sequence[str], answers: Sequence[Answer]) -> None:
        """Adds the answers of a batch, all of them or, if the process is killed, none."""
        entry = []
        for key, answer in zip(keys, answers, strict=True):
            entry.append([key, _to_text(answer)])
            self._answer_of[key] = answer
        with naming(self._path):
            self._file.write(seal(entry))

    def __len__(self) -> int:
        return len(self._answer_of)


def forget(folder: Path, fingerprint: str) -> None:
    """Removes the answers of a model from a folder, if it has some."""
    remove_folder(inside(folder, fingerprint[:_DIGITS]))


def command_of(out: Path) -> str:
    """Returns the name of a command: its machine, and its folder for the results."""
    return f"{socket.gethostname()} {os.path.realpath(out)}"


def read(path: Path) -> Iterator[tuple[str, Answer]]:
    """Yields the key and the answer of each clip in a file; skips damaged lines.

    Raises:
      UserError: the file cannot be read.
    """
    try:
        lines = read_lines(path)
    # Another command has removed it.
    except FileNotFoundError:
        return

    for line in unseal(lines):
        try:
            entry = json_files.parse(line, path)
            yield from [(_key(key), _from_text(text)) for key, text in entry]
        # UserError is a ValueError, too.
        except (ValueError, TypeError, binascii.Error):
            continue


def _short(command: str) -> str:
    return hashlib.sha256(os.fsencode(command)).hexdigest()[:16]


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError("a key is a text")
    return key


def _to_text(answer: Answer) -> str | int:
    """Returns an answer for JSON: a class, or probabilities as their bytes in base64."""
    if answer is None:
        return _ABSTAINS
    if isinstance(answer, int):
        return answer
    return base64.b64encode(np.ascontiguousarray(answer, "<f4").tobytes()).decode()


def _from_text(text: Any) -> Answer:
    """Parses `_to_text`. Raises ValueError or TypeError."""
    if text == _ABSTAINS:
        return None
    if isinstance(text, bool):
        raise TypeError("a class is a number")
    if isinstance(text, int):
        return text
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4")
