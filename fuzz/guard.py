"""Stops a process that does what no reader may do: write, connect, start or import.

It uses two mechanisms: Python's audit events, which show the place in the code, and on Linux a
seccomp filter, which also covers native libraries.
"""

import contextlib
import ctypes
import os
import platform
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DENIED = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "subprocess.Popen",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.symlink",
    "os.utime",
    "os.mkfifo",
    "os.mknod",
    "os.setxattr",
    "shutil.rmtree",
    "shutil.move",
    "shutil.copyfile",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "urllib.Request",
    "ftplib.connect",
    "smtplib.connect",
    "webbrowser.open",
    "pty.spawn",
    # Our pickle reader resolves classes itself, so this event comes from another unpickler.
    "pickle.find_class",
}
# Events that run a file as code; they are refused for files of the input.
_CODE = {"import", "compile", "exec", "ctypes.dlopen"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# O_RDWR is missing, because glibc uses it to open /proc/self/task/*/comm when it names a thread.
_MAKES = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class TrespassError(BaseException):
    """An error for a forbidden action of a reader; handlers of `Exception` do not catch it."""


class Guard:
    """Watches this process after `start`, while `active` is true.

    Attributes:
      active: whether a reader is running.
      folder: folder of the input; nothing in it may run as code.
    """

    def __init__(self) -> None:
        self.active = False
        self.folder = ""

    @contextlib.contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """Watches while a reader reads a folder."""
        self.folder = str(folder)
        self.active = True
        try:
            yield
        finally:
            self.active = False

    def start(self) -> None:
        """Installs the audit hook and the filter; neither can be removed."""
        sys.addaudithook(self._audit)
        refuse_system_calls()

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in _DENIED:
            raise TrespassError(f"{event}{arguments!r}"[:300])

        if event == "open":
            path, mode, flags = arguments
            if (
                isinstance(mode, str)
                and set(mode) & set("wax+")
                or isinstance(flags, int)
                and flags & _WRITES
            ):
                raise TrespassError(f"open{(path, mode, flags)!r}"[:300])
        elif event in _CODE and any(map(self._is_inside, arguments)):
            raise TrespassError(f"{event}{arguments!r}"[:300])

    def _is_inside(self, value: Any) -> bool:
        path = getattr(value, "co_filename", value)
        return isinstance(path, str | bytes) and os.fsdecode(path).startswith(self.folder)


# Machine -> numbers of the refused system calls; see `_program`.
_CALLS = {
    "x86_64": {
        "audit": 0xC000003E,
        "seccomp": 317,
        "socket": 41,
        "open": 2,
        "openat": 257,
        # creat, unlink, unlinkat, rename, renameat, renameat2, mkdir, mkdirat, rmdir, link, linkat,
        # symlink, symlinkat, chmod, fchmod, fchmodat, chown, fchown, lchown, fchownat, truncate,
        # mknod, mknodat, execve, execveat, utimensat.
        "never": (
            *(85, 87, 263, 82, 264, 316, 83, 258, 84, 86, 265, 88, 266),
            *(90, 91, 268, 92, 93, 94, 260, 76, 133, 259, 59, 322, 280),
        ),
    },
    "aarch64": {
        "audit": 0xC00000B7,
        "seccomp": 277,
        "socket": 198,
        "open": None,
        "openat": 56,
        # unlinkat, renameat, renameat2, mkdirat, linkat, symlinkat, fchmod, fchmodat, fchownat,
        # fchown, truncate, mknodat, execve, execveat, utimensat.
        "never": (35, 38, 276, 34, 37, 36, 52, 53, 54, 55, 45, 33, 221, 281, 88),
    },
}
_ALLOW, _TRAP = 0x7FFF0000, 0x00030000
_LOAD, _EQUAL, _ANY, _RETURN = 0x20, 0x15, 0x45, 0x06


def refuse_system_calls() -> bool:
    """Installs a seccomp filter that ends the process with SIGSYS, for all threads.

    It forbids writing, running a program and opening an internet socket.

    Returns:
      Whether this system supports such filters.
    """
    calls = _CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or calls is None:
        return False

    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in _program(calls))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)

    # PR_SET_NO_NEW_PRIVS; then SECCOMP_SET_MODE_FILTER for all threads.
    no_new_privileges, set_filter, all_threads = 38, 1, 1
    if libc.prctl(no_new_privileges, 1, 0, 0, 0):
        return False

    return (
        libc.syscall(
            calls["seccomp"], set_filter, all_threads, ctypes.create_string_buffer(program)
        )
        == 0
    )


def _program(calls: dict[str, Any]) -> list[tuple[int, int, int, int]]:
    """Returns the filter as instructions of BPF: (code, jump if true, jump if false, value)."""
    number, machine, first, second, third = 0, 4, 16, 24, 32
    program = [
        (_LOAD, 0, 0, machine),
        (_EQUAL, 1, 0, calls["audit"]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, number),
    ]

    for never in calls["never"]:
        program += [(_EQUAL, 0, 1, never), (_RETURN, 0, 0, _TRAP)]

    for call, argument in ((calls["open"], second), (calls["openat"], third)):
        if call is not None:
            program += [
                (_EQUAL, 0, 4, call),
                (_LOAD, 0, 0, argument),
                (_ANY, 0, 1, _MAKES),
                (_RETURN, 0, 0, _TRAP),
            ]
            program += [(_RETURN, 0, 0, _ALLOW)]

    program += [
        (_EQUAL, 0, 5, calls["socket"]),
        (_LOAD, 0, 0, first),
        (_EQUAL, 0, 1, socket.AF_INET),
    ]
    program += [(_RETURN, 0, 0, _TRAP), (_EQUAL, 0, 1, socket.AF_INET6), (_RETURN, 0, 0, _TRAP)]
    return [*program, (_RETURN, 0, 0, _ALLOW)]
