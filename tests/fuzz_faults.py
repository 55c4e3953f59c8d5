"""Readers with one planted fault each, which `python -m fuzz` must find.

The seed is a small text.
"""

import ctypes
import os
import pickle
import socket
import subprocess
import sys
import time
from pathlib import Path

from albar_jax.data.decode import DecodeError
from albar_jax.errors import UserError
from fuzz.process import Limits
from fuzz.readers import Reader


def make_seed(folder: Path) -> None:
    (folder / "seed").mkdir()
    (folder / "seed" / "note.txt").write_text("a,b\n1,2\n")


def refuse(folder: Path) -> None:
    raise UserError("no")


def refuse_video(folder: Path) -> None:
    raise DecodeError("no")


def read(folder: Path) -> None:
    (folder / "note.txt").read_bytes()


def raise_another_error(folder: Path) -> None:
    raise KeyError("no")


def hide_an_allocation(folder: Path) -> None:
    try:
        bytearray(1 << 44)
    except MemoryError as error:
        raise UserError("too large") from error


def fill_the_memory(folder: Path) -> None:
    bytearray(os.urandom(1 << 20) * 200)


def compute_for_ever(folder: Path) -> None:
    while True:
        pass


def crash(folder: Path) -> None:
    ctypes.string_at(0)


def write_beside(folder: Path) -> None:
    (folder.parent / "canary.txt").write_text("theirs")


def write_natively(folder: Path) -> None:
    ctypes.CDLL(None).creat(os.fsencode(folder.parent / "new.txt"), 0o600)


def change_natively(folder: Path) -> None:
    descriptor = ctypes.CDLL(None).open(os.fsencode(folder / "note.txt"), os.O_RDWR)
    os.write(descriptor, b"x")


def delete_natively(folder: Path) -> None:
    ctypes.CDLL(None).unlink(os.fsencode(folder / "note.txt"))


def connect(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(folder / "socket"))


def connect_natively(folder: Path) -> None:
    ctypes.CDLL(None).socket(socket.AF_INET, socket.SOCK_STREAM, 0)


def start_a_program(folder: Path) -> None:
    try:
        subprocess.run(["true"], check=False)
    except Exception:
        time.sleep(0)


def unpickle(folder: Path) -> None:
    pickle.loads(pickle.dumps(Path))


def import_the_input(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    (folder / "note.txt").read_text()
    exec(compile("1", str(folder / "note.txt"), "exec"))


def warm_up() -> None:
    """Does nothing, because these readers need no library."""


_LIMITS = Limits(seconds=2.0, memory=100 << 20)
READERS = {
    function.__name__: Reader(make_seed, function, limits=_LIMITS)
    for function in (
        refuse,
        refuse_video,
        read,
        raise_another_error,
        hide_an_allocation,
        fill_the_memory,
        compute_for_ever,
        crash,
        write_beside,
        write_natively,
        change_natively,
        delete_natively,
        connect,
        connect_natively,
        start_a_program,
        unpickle,
        import_the_input,
    )
}
