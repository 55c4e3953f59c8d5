"""Claim: freed memory goes back to the system."""

import ctypes
import subprocess
import sys

import jax
import pytest

from albar_jax.profiling.host_memory import forget_traces, return_freed

# 256 MiB, in blocks that glibc takes from its heap.
SIZE = 2**16
COUNT = 2**12


def resident() -> int:
    """Returns the resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_blocks_between_used_ones_go_back_to_the_system():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]

    blocks = [libc.malloc(SIZE) for _ in range(COUNT)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)

    *others, last = blocks
    for block in others:
        libc.free(block)

    before = resident()
    return_freed()
    assert before - resident() > 0.9 * SIZE * COUNT
    libc.free(last)


def test_forgotten_traces_are_traced_again_and_compiled_steps_still_run():
    traced = []

    def double(x):
        traced.append(x)
        return 2 * x

    step = jax.jit(double)
    compiled = step.lower(1.0).compile()
    assert step(1.0) == 2.0
    assert len(traced) == 1
    forget_traces()
    assert compiled(3.0) == 6.0
    assert len(traced) == 1
    assert step(3.0) == 6.0
    assert len(traced) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_memory_is_kept_for_the_next_step():
    code = """
import ctypes, resource
from albar_jax.profiling.host_memory import keep_freed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
SIZE = 2**26

def use():
    before = faults()
    block = libc.malloc(SIZE)
    ctypes.memset(block, 1, SIZE)
    libc.free(block)
    return faults() - before

use()
returned = use()
keep_freed()
use()
print(returned, use())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    returned, kept = map(int, run.stdout.split())
    # 4 KB a page, or huge pages.
    assert returned >= 2**26 / 2**21
    assert kept <= returned / 10
