"""Claim: no pickle fills the memory, crashes the process or hashes forever.

Each is refused with one sentence.
"""

import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax.storage import inert_pickle

ENCODE = b"c_codecs\nencode\nq\x01"
TEXT = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x00"
HOSTILE = {
    "a key nested two million deep": b"\x80\x02})" + b"\x85" * 2_000_000 + b"K\x01s.",
    "a tuple of tuples in a set": b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.",
    "a tuple of tuples as a frozenset": b"\x80\x04()" + b"2\x86" * 60 + b"\x91.",
    "a memo of 64 GB": b"\x80\x02)r\xf0\xff\xff\xff",
    "bytes of 2^60": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc",
    "a bytearray of 2^60": b"\x80\x05\x96" + struct.pack("<Q", 1 << 60) + b"abc",
    "a bytearray of 2^63": b"\x80\x05\x96" + struct.pack("<Q", 1 << 63) + b"abc",
    "a bytearray of 2^60 in a frame": b"\x80\x05\x95"
    + struct.pack("<Q", 12)
    + b"\x96"
    + struct.pack("<Q", 1 << 60)
    + b"abc",
    "a frame of 2^60": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"abc",
    "one text copied 100,000 times": b"\x80\x02("
    + TEXT
    + ENCODE
    + b"h\x01h\x00\x85R" * 100_000
    + b"l.",
    "keys of a million digits": b"\x80\x02("
    + b"\x8b"
    + struct.pack("<I", 1 << 20)
    + b"\x7f" * (1 << 20)
    + b"K\x01d.",
    "twenty million dicts": b"\x80\x02(" + b"}" * 20_000_000 + b"l.",
}
READ = """
import resource, sys
from albar_jax.storage import inert_pickle
from albar_jax.errors import UserError
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in sys.argv[1:]:
    try:
        inert_pickle.read(Path(path))
        print("read", path)
    except UserError as error:
        print("refused", error)
"""


def test_hostile_pickles_are_refused_in_bounded_memory_and_time(tmp_path):
    paths = []
    for number, content in enumerate(HOSTILE.values()):
        paths.append(tmp_path / f"{number}.pkl")
        paths[-1].write_bytes(content)

    done = subprocess.run(
        [sys.executable, "-c", READ, *paths],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr[-300:]
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths)

    for name, path, line in zip(HOSTILE, paths, lines, strict=True):
        start, end = f"refused {path} is not a readable pickle of arrays: ", "MemoryError"
        assert line.startswith(start), name
        assert len(line) > len(start), name
        # The length is checked before memory is allocated.
        assert not line.endswith(end), name


def test_a_bytearray_is_read(tmp_path):
    data = bytearray(range(256)) * 300
    for framed in (True, False):
        path = tmp_path / f"{framed}.pkl"
        content = pickle.dumps({"a": data, "b": bytearray()}, 5)
        if not framed:
            # Python frames short pickles; other programs may not.
            content = b"\x80\x05\x96" + struct.pack("<Q", len(data)) + bytes(data) + b"."
        path.write_bytes(content)
        read = inert_pickle.read(path)
        assert read == ({"a": data, "b": bytearray()} if framed else data)


@pytest.mark.parametrize("key", ["name", 3, ("a", 1), 2.5, None, frozenset({1, 2})])
def test_ordinary_keys_are_read(tmp_path, key):
    from albar_jax.storage import inert_pickle

    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({key: [key]}, 4))
    assert inert_pickle.read(path) == {key: [key]}
