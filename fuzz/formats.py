"""Makes changes that keep most of a format valid, so that the files pass its first checks."""

import gzip
import io
import json
import pickletools
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from fuzz import chunks, hostile

Change = Callable[[bytes], bytes]
_NUMPY = b"\x93NUMPY"
_BOMB_BYTES = 1 << 26


def change(data: bytes, rng: random.Random, inner: Change) -> bytes | None:
    """Returns a file with one change on the level of its format; None for an unknown format.

    `inner` changes the bytes of the contents.
    """
    try:
        if data.startswith(b"PK\x03\x04"):
            return _zip(data, rng, inner)
        if data.startswith(b"\x1f\x8b"):
            return gzip.compress(inner(gzip.decompress(data)), 1)
        if data.startswith(_NUMPY):
            return _numpy(data, rng)
        if data[8:9] == b"{":
            return _safetensors(data, rng)
        if parsed := chunks.parse(data):
            return _chunks(*parsed, rng, inner)
        if data[:1] == b"\x80":
            return _pickle(data, rng)

        return _text(data, rng)
    # The file is already damaged; each parser raises a different error.
    except Exception:
        return None


def _zip(data: bytes, rng: random.Random, inner: Change) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]

    place = rng.randrange(len(members))
    name, content = members[place]

    match rng.choice((*["inner"] * 12, *["name", "drop", "twice", "lie"] * 3, "bomb")):
        case "inner":
            members[place] = name, inner(content)
        case "name":
            members[place] = rng.choice(hostile.NAMES + hostile.TEXTS[:40]), content
        case "drop":
            del members[place]
        case "twice":
            members.insert(rng.randrange(len(members) + 1), (name, rng.choice(members)[1]))
        case "bomb":
            members[place] = name, content + bytes(_BOMB_BYTES)
        case "lie":
            return _lying(_zipped(members, rng), rng)

    return _zipped(members, rng)


def _zipped(members: list[tuple[str, bytes]], rng: random.Random) -> bytes:
    file = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))

    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(file, "w", method, compresslevel=1) as archive,
    ):
        for name, content in members:
            large = zipfile.ZIP_DEFLATED if len(content) >= _BOMB_BYTES else method
            archive.writestr(
                zipfile.ZipInfo(name.encode(errors="replace").decode()), content, large
            )

    return file.getvalue()


def _lying(data: bytes, rng: random.Random) -> bytes:
    """Changes a field of an archive's directory, such as its flags, sizes or the offset."""
    at = rng.choice([match.start() for match in re.finditer(b"PK\x01\x02", data)])
    field, size = rng.choice(
        ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4))
    )
    value = rng.choice(hostile.INTEGERS) % (1 << 8 * size)

    return data[: at + field] + value.to_bytes(size, "little") + data[at + field + size :]


def _numpy(data: bytes, rng: random.Random) -> bytes:
    """Changes the header of an array but keeps the length of the header correct."""
    end = 10 + int.from_bytes(data[8:10], "little")
    header = data[10:end].decode("latin1").rstrip()

    if rng.random() < 0.5:
        header = re.sub(r"\([^)]*\)", lambda _: rng.choice(hostile.SHAPES), header, count=1)
    else:
        header = re.sub(
            r"'descr': [^,]*", lambda _: f"'descr': {rng.choice(hostile.TYPES)}", header
        )

    encoded = header.encode("latin1") + b"\n"
    return data[:8] + len(encoded).to_bytes(2, "little") + encoded + data[end:]


def _safetensors(data: bytes, rng: random.Random) -> bytes:
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(_json(json.loads(data[8:end]), rng)).encode()
    return len(header).to_bytes(8, "little") + header + data[end:]


def _chunks(
    roots: list[chunks.Chunk], build: chunks.Build, rng: random.Random, inner: Change
) -> bytes:
    places = list(_places(roots))
    siblings, place = rng.choice(places)
    chunk = siblings[place]

    match rng.choice(("inner", "inner", "length", "name", "drop", "twice", "swap")):
        case "inner" if isinstance(chunk.content, bytes):
            chunk.content = inner(chunk.content)
        case "length" | "inner":
            chunk.claims = rng.choice(hostile.INTEGERS)
        case "name":
            other, position = rng.choice(places)
            chunk.name = other[position].name
        case "drop":
            del siblings[place]
        case "twice":
            siblings[place:place] = [chunk] * rng.choice((1, 1, 40))
        case "swap":
            other, position = rng.choice(places)
            siblings[place].content, other[position].content = (
                other[position].content,
                siblings[place].content,
            )

    return build(roots)


def _places(roots: list[chunks.Chunk]) -> Iterator[tuple[list[chunks.Chunk], int]]:
    for place, chunk in enumerate(roots):
        yield roots, place
        if isinstance(chunk.content, list):
            yield from _places(chunk.content)


def _pickle(data: bytes, rng: random.Random) -> bytes:
    """Drops, repeats or swaps opcodes, or inserts opcodes that name code."""
    starts = [start for _, _, start in pickletools.genops(data)]
    ends = [*starts[1:], starts[-1] + 1]
    opcodes = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    place = rng.randrange(1, len(opcodes))

    match rng.choice(("drop", "twice", "swap", "code")):
        case "drop":
            del opcodes[place]
        case "twice":
            opcodes.insert(place, opcodes[place])
        case "swap":
            opcodes[place] = rng.choice(opcodes)
        case "code":
            opcodes.insert(place, rng.choice(hostile.PICKLE))

    return b"".join(opcodes) + data[ends[-1] :]


def _text(data: bytes, rng: random.Random) -> bytes | None:
    text = data.decode()
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.dumps(_json(json.loads(text), rng)).encode()
        except json.JSONDecodeError:
            pass

    lines = text.split("\n")
    place = rng.randrange(len(lines))
    if lines[place][:1] in ("{", "[") and rng.random() < 0.7:
        lines[place] = json.dumps(_json(json.loads(lines[place]), rng))
    elif len(text) < 2 or "\0" in text:
        return None
    else:
        _change_lines(lines, place, rng)

    return "\n".join(lines).encode()


def _change_lines(lines: list[str], place: int, rng: random.Random) -> None:
    """Changes a field of a line, or the order and number of lines."""
    match rng.choice(("field", "field", "field", "field", "drop", "twice", "swap", "column")):
        case "drop":
            del lines[place]
        case "twice":
            lines.insert(place, lines[place])
        case "swap":
            other = rng.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        case kind:
            mark = next((mark for mark in ("\t", ",", " ") if mark in lines[place]), ",")
            fields = lines[place].split(mark)
            field = rng.randrange(len(fields))
            fields[field : field + (kind == "field")] = (
                [rng.choice(hostile.TEXTS)] if rng.random() < 0.9 else []
            )
            lines[place] = mark.join(fields)


def _json(value: Any, rng: random.Random) -> Any:
    """Changes one value, key or length in parsed JSON."""
    holders = list(_items(value))
    if not holders or rng.random() < 0.05:
        return rng.choice(hostile.JSON)

    owner, key = rng.choice(holders)
    match rng.choice(("value", "value", "value", "drop", "swap", "nest", "name")):
        case "value":
            owner[key] = rng.choice(hostile.JSON)
        case "drop":
            del owner[key]
        case "swap":
            other, position = rng.choice(holders)
            owner[key] = json.loads(json.dumps(other[position]))
        case "nest":
            for _ in range(rng.choice((1, 3, 900))):
                owner[key] = [owner[key]]
        case "name" if isinstance(owner, dict):
            owner[rng.choice(hostile.TEXTS)] = owner.pop(key)
        case "name":
            owner.insert(key, owner[key])

    return value


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _items(value[key])
