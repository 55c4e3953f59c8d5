"""Runs one framework's step in its own process, so that its peak memory can be measured.

`benchmarks.step` starts it:

    python -m benchmarks.step_worker FRAMEWORK PROGRAM TASK

TASK is a `Task` as JSON. Each answer is one line of JSON. The first answer has the losses of two
warm-up steps. Then each line of the input runs one more step, and the answer is its cost.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.task import LoadedStep, Task


def main(framework: str, program: str, task: Task) -> None:
    """Loads the step and runs it once for each line of the input."""
    # Libraries print to stdout; only answers may go to the original stdout.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.threads])

    try:
        loaded = _load(framework, program, task)
        losses = [loaded.step(), loaded.step()]
    except Exception as error:
        # torch.compile may raise anything.
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        _answer(answers, {"error": message})
        return

    _answer(answers, {"flops": loaded.flops, "losses": losses})
    for _ in sys.stdin:
        _answer(answers, _cost(loaded))


def _load(framework: str, program: str, task: Task) -> LoadedStep:
    # Only the measured framework is imported, because imports need memory. opt_einsum would import
    # torch if it could.
    if framework == "jax":
        sys.modules["torch"] = None
        return importlib.import_module("benchmarks.step_jax").make(program, task)

    module = importlib.import_module("benchmarks.step_torch")
    return module.make(program, task, compiled=framework == "compiled")


def _cost(loaded: LoadedStep) -> dict[str, float]:
    """Runs a step and returns its cost: seconds, CPU seconds, and the peak memory so far in bytes.

    It is the memory of the GPU if there is one, else of the process.
    """
    cpu_began = time.process_time()
    wall_began = time.perf_counter()
    loaded.step()
    wall = time.perf_counter() - wall_began
    cpu = time.process_time() - cpu_began
    return {"wall": wall, "cpu": cpu, "memory": loaded.gpu_memory() or peak()}


def peak() -> int:
    """Returns the peak memory of this process in bytes.

    Linux counts only this program; getrusage would include the program that started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no VmHWM")


def _answer(stream: TextIO, values: dict[str, Any]) -> None:
    print(json.dumps(values), file=stream, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Task(**json.loads(sys.argv[3])))
