"""Makes ids of elements that links can name, from any text."""

import hashlib
import re

# Characters that need no escape in a link.
_OTHERS = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60


def anchor(kind: str, name: str) -> str:
    """Returns a readable id, the same for the same text: `anchor("clip", "a/b")` is `clip-a-b-...`.

    A name that changes gets the start of its hash, so that two names never share an id.

    Args:
      kind: first word of the id.
      name: any text.
    """
    slug = _OTHERS.sub("-", name)[:_LONGEST].strip("-")
    if slug == name:
        return f"{kind}-{slug}"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kind}-{slug}-{digest[:8]}"
