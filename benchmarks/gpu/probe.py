"""Runs a program of this repository and records its memory.

    python -m benchmarks.gpu.probe FILE train.py FLAGS

FILE gets JSON: `device_bytes`, peak bytes of arrays on the first device (null on a CPU), and
`host_bytes`, peak bytes of the process.
"""

import json
import runpy
import sys
from pathlib import Path

from benchmarks.step_worker import peak


def main(file: str, program: str, *flags: str) -> None:
    """Runs the program as a main program."""
    sys.argv = [program, *flags]
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        Path(file).write_text(json.dumps({"device_bytes": _device_bytes(), "host_bytes": peak()}))


def _device_bytes() -> int | None:
    jax = sys.modules.get("jax")
    stats = jax.local_devices()[0].memory_stats() if jax else None
    return (stats or {}).get("peak_bytes_in_use")


if __name__ == "__main__":
    main(*sys.argv[1:])
