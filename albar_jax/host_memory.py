"""The memory of the host, as glibc holds it, where it is."""

import ctypes
import sys

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def return_freed() -> None:
    """Gives what is free back to the system, which glibc by itself often does not; compiling frees half a gigabyte."""
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
