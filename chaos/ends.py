"""Caches the results of undisturbed commands until the code changes."""

import dataclasses
import functools
import hashlib
import json
import os
import shutil
from pathlib import Path

from chaos.commands import ROOT, Command, named
from chaos.contents import contents


@dataclasses.dataclass
class End:
    """The result of an undisturbed command.

    Attributes:
      folder: a copy of its working folder.
      contents: digests of the files in the folder.
      seconds: shortest duration of the command so far, in seconds.
    """

    folder: Path
    contents: dict[str, str]
    seconds: float


class Ends:
    """A folder of undisturbed results, each named `<name>_<fingerprint>`."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._seen: dict[str, End] = {}

    def __contains__(self, command: Command) -> bool:
        return self._path(command).is_dir()

    def __getitem__(self, command: Command) -> End:
        if command.name not in self._seen:
            path = self._path(command)
            seconds = json.loads((path / "seconds.json").read_text())
            self._seen[command.name] = End(path / "work", contents(path / "work"), seconds)

        return self._seen[command.name]

    def add(self, command: Command, work: Path, seconds: float) -> None:
        """Stores a copy of the working folder of a command and its duration."""
        path = self._path(command)
        partial = path.with_name(f"{path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(work, partial / "work")
        (partial / "seconds.json").write_text(json.dumps(seconds))
        # A killed chaos test leaves no incomplete result under this name.
        os.replace(partial, path)

    def _path(self, command: Command) -> Path:
        return self._folder / f"{command.name}_{_fingerprint(command)}"


def _fingerprint(command: Command) -> str:
    """Returns a hash of the code, the command and the commands it depends on."""
    # A command starts from the result of another one, so its result depends on it, too.
    before = _fingerprint(named(command.after)) if command.after else _sources()
    return hashlib.sha256(f"{before} {command.words}".encode()).hexdigest()[:12]


@functools.cache
def _sources() -> str:
    digest = hashlib.sha256()
    for folder in ("albar_jax", "configs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())

    return digest.hexdigest()
