"""Compares the files of two folders without times and random names."""

import fnmatch
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from chaos.faults import BALLAST

# Their number depends on how often a run was resumed and on which checkpoints were damaged.
_LEFT_OUT = ("*/tensorboard/*", "*/damaged/*", BALLAST)
# They must exist, but their bytes contain times, random names, or the order in which processes
# ended.
_VARYING = (
    "*/check_journal.jsonl",
    "*/.made/*.jsonl",
    "*/answers/*/*.jsonl",
    "*/checkpoints/*/*",
    "weights/*/SHA256SUMS",
)
# Exceptions among the files of a checkpoint.
_EXACT = ("*/checkpoints/*/meta/metadata", "*/checkpoints/*/metrics/metrics")
# Two arrays that cannot be read are not equal.
_UNREADABLE = "unreadable"
# Names of fields and columns that hold a duration or a speed.
_TIMES = re.compile(r"seconds|per_second|timestamp|time_ms")
_SECONDS_IN_PAGES = re.compile(r"[\d.,]+ (?:s|min|h)\b")


def contents(folder: Path) -> dict[str, str]:
    """Returns relative name -> digest for each file below a folder.

    The arrays in a folder of orbax are one entry with the name of the folder; their digest covers
    the values.
    """
    digests: dict[str, str] = {}
    for root, folders, names in os.walk(folder):
        inner = Path(root).relative_to(folder)
        if "_METADATA" in names:
            if not _matches(f"{inner}/", _LEFT_OUT):
                digests[f"{inner}/"] = _arrays(Path(root))
            folders.clear()
            continue
        for name in names:
            path = str(inner / name)
            if not _matches(path, _LEFT_OUT):
                digests[path] = _digest(folder / path, path)

    return digests


def differences(expected: dict[str, str], actual: dict[str, str], damaged: list[str]) -> list[str]:
    """Returns one line for each file that is missing, extra or different.

    Args:
      expected: contents of the undisturbed folder.
      actual: contents of the folder under test.
      damaged: damaged files that no command has rewritten; they and the arrays they belong to are
        not compared.
    """
    lines = []
    for name in sorted(expected.keys() | actual.keys()):
        if any(path == name or (name.endswith("/") and path.startswith(name)) for path in damaged):
            continue
        if name not in actual:
            lines.append(f"{name} is missing")
        elif name not in expected:
            lines.append(f"{name} is left over")
        elif actual[name].startswith(_UNREADABLE):
            lines.append(f"{name} is {actual[name]}")
        elif expected[name] != actual[name]:
            lines.append(f"{name} differs")

    return lines


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(
        fnmatch.fnmatch(f"/{path}", f"*/{pattern.removeprefix('*/')}") for pattern in patterns
    )


def _digest(file: Path, name: str) -> str:
    if _matches(name, _VARYING) and not _matches(name, _EXACT):
        return "present"

    content = file.read_bytes()
    read = _READERS.get(file.suffix or file.name)
    if read is not None:
        try:
            content = read(content.decode()).encode()
        except ValueError:
            content = b"unreadable: " + content

    return hashlib.sha256(content).hexdigest()


def _arrays(folder: Path) -> str:
    """Returns a digest of the arrays in a folder of orbax."""
    # Imported here, because most commands write no arrays and the imports take seconds.
    import jax
    import numpy as np

    from albar_jax.storage import orbax_files

    try:
        tree = orbax_files.load_as_numpy(folder)
    # Damage has many names in orbax and tensorstore.
    except Exception as error:
        return f"{_UNREADABLE}: {type(error).__name__}"

    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())

    return digest.hexdigest()


def _json(text: str) -> str:
    return json.dumps(_without_times(json.loads(text)))


def _json_lines(text: str) -> str:
    return "\n".join(map(_json, text.splitlines()))


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if not _TIMES.search(key)}
    if isinstance(value, list):
        return [_without_times(item) for item in value]

    return value


def _page(text: str) -> str:
    return _SECONDS_IN_PAGES.sub("", text)


_READERS: dict[str, Callable[[str], str]] = {
    ".json": _json,
    # Of a checkpoint.
    "metadata": _json,
    ".jsonl": _json_lines,
    ".html": _page,
    ".md": _page,
}
