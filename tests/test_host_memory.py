"""Memory that a program has freed, and whether the system has it back."""

import ctypes
import sys

import jax
import pytest

from albar_jax.profiling.host_memory import forget_traces, return_freed

SIZE, COUNT = 2**16, 2**12  # 256 MiB, in blocks that glibc takes from its heap


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_what_lies_between_used_blocks_goes_back_too():
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
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


def test_forgotten_traces_are_made_again_and_compiled_steps_go_on():
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
