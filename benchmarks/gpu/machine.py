"""Describes the device and measures its peak rates of matrix products and copies."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from albar_jax.errors import UserError
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import Settings


def run(settings: Settings, journal: Journal) -> None:
    """Records the device and measures its peak rates.

    Raises:
      UserError: JAX sees no GPU, and the run is not small.
    """
    device = jax.devices()[0]
    if device.platform != "gpu" and not settings.small:
        raise UserError(
            f"jax sees no GPU here, but {device.device_kind}; pip install -e '.[cuda]' on a "
            "machine that has one, or give --small"
        )

    memory = (device.memory_stats() or {}).get("bytes_limit")
    journal.write(
        "device",
        kind=device.device_kind,
        platform=device.platform,
        count=jax.device_count(),
        memory_limit_bytes=memory,
        cores=len(os.sched_getaffinity(0)),
        python=platform.python_version(),
        jax=jax.__version__,
        xla_flags=os.environ.get("XLA_FLAGS", ""),
    )

    sizes = settings.sizes
    for dtype in ("bfloat16", "float32"):
        journal.write("matmul", dtype=dtype, **matmul(sizes.matmul, dtype, sizes.rounds))
    journal.write("copy", **copy(sizes.copied, sizes.rounds))


def matmul(side: int, dtype: str, rounds: int) -> dict[str, Any]:
    """Measures a square matrix product; float32 uses the device's default precision."""
    keys = jax.random.split(jax.random.key(0))
    a, b = (jax.random.normal(key, (side, side), dtype) for key in keys)
    product = jax.jit(jnp.matmul)
    seconds = _median_seconds(lambda: product(a, b), rounds)
    return {"side": side, "flops_per_s": 2 * side**3 / seconds}


def copy(size: int, rounds: int) -> dict[str, Any]:
    """Measures adding 1 to an array, in bytes read and written per second."""
    array = jax.random.normal(jax.random.key(0), (size // 4,))
    add = jax.jit(lambda array: array + 1)
    seconds = _median_seconds(lambda: add(array), rounds)
    return {"array_bytes": size, "bytes_per_s": 2 * size / seconds}


def _median_seconds(work: Callable[[], jax.Array], rounds: int) -> float:
    # Compile, and let the clock rate rise.
    for _ in range(2):
        work().block_until_ready()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work().block_until_ready()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def ceiling(lines: list[Mapping[str, Any]]) -> float | None:
    """Returns the measured FLOP/s of the bfloat16 product; None if not measured."""
    for line in reversed(lines):
        if line["what"] == "matmul" and line["dtype"] == "bfloat16":
            return line["flops_per_s"]
    return None
