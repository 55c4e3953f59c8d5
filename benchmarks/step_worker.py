"""One framework's step in a process of its own, so that its peak memory is its own: started by `benchmarks.step`.

    python -m benchmarks.step_worker FRAMEWORK PROGRAM TASK

Each answer is one line of JSON: first the losses of the two steps that warm up, then, for each line that is read, what
one more step cost. TASK is a `Task` as JSON.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.task import Held, Task


def main(framework: str, program: str, task: Task) -> None:
    """Makes the step, then takes it once for each line of stdin."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.threads])
    try:
        held = _make(framework, program, task)
        _answer(answers, {"flops": held.flops, "losses": [held.step(), held.step()]})
    except Exception as error:  # of torch.compile, whatever it may be
        return _answer(answers, {"error": f"{type(error).__name__}: {error}".splitlines()[0]})
    for _ in sys.stdin:
        _answer(answers, _cost(held))
    return None


def _make(framework: str, program: str, task: Task) -> Held:
    # Only the one that is measured is imported, and takes memory: opt_einsum, for one, takes torch where it finds it.
    if framework == "jax":
        sys.modules["torch"] = None
        return importlib.import_module("benchmarks.step_jax").make(program, task)
    return importlib.import_module("benchmarks.step_torch").make(
        program, task, compiled=framework == "compiled"
    )


def _cost(held: Held) -> dict[str, float]:
    """Seconds and CPU seconds of a step, and the largest memory so far, in bytes: of the GPU, or of the process."""
    before, began = time.process_time(), time.perf_counter()
    held.step()
    wall, cpu = time.perf_counter() - began, time.process_time() - before
    return {"wall": wall, "cpu": cpu, "memory": held.gpu_memory() or peak()}


def peak() -> int:
    """What Linux says of this program; getrusage also counts the one that started it."""
    (line,) = [
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return 1024 * int(line.split()[1])


def _answer(stream: TextIO, values: dict[str, Any]) -> None:
    print(json.dumps(values), file=stream, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Task(**json.loads(sys.argv[3])))
