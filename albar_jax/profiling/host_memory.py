"""The memory of the host, as glibc holds it, where it is."""

import ctypes
import sys

import jax

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def forget_traces() -> None:
    """Drops what JAX keeps of the functions that it traced, once what will run is compiled: a tenth of a gigabyte.

    A jitted function that is called after it is traced again; an ahead-of-time compiled one goes on.
    """
    jax.clear_caches()
    return_freed()


def return_freed() -> None:
    """Gives what is free back to the system, which glibc by itself often does not; compiling frees half a gigabyte."""
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
