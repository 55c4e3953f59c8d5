"""Keeps or returns freed memory of the host; Linux with glibc only."""

import ctypes
import sys

import jax

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

# Parameters of mallopt, from malloc.h.
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_THRESHOLD = -3
# Larger blocks are still returned at once.
_KEPT_BYTES = 1 << 30
_PAD_BYTES = 1 << 26


def keep_freed() -> None:
    """Keeps up to 1 GB of freed memory, for steps that run on the CPU.

    XLA allocates the temporary memory of a step anew. If glibc returns it to the system in between,
    the kernel has to clear the same pages in every step: a third of a small step.
    """
    if jax.default_backend() != "cpu" or not hasattr(_LIBC, "mallopt"):
        return

    _LIBC.mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
    _LIBC.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    _LIBC.mallopt(_TOP_PAD, _PAD_BYTES)


def forget_traces() -> None:
    """Clears JAX's caches of traced functions, about 0.1 GB.

    Call it once everything is compiled. Functions that were compiled ahead of time stay compiled;
    other jitted functions are traced again at their next call.
    """
    jax.clear_caches()
    return_freed()


def return_freed() -> None:
    """Returns freed memory to the system, about 0.5 GB after compiling.

    glibc often keeps it otherwise.
    """
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
