"""Measures the cost of our steps as ratios to PyTorch's: `python -m benchmarks.step`.

The steps are inference, plain training and ALBAR training of a Video Swin-T. All frameworks have
the same weights, clips, optimiser and number of threads. They run on the CPU, or on a GPU if JAX
has one. PyTorch runs eagerly and with torch.compile.

A step is compared only if the losses of its first two runs agree. The second loss shows whether the
gradients agree. Each framework has its own process. The processes alternate, so that a busy machine
slows all of them equally. Times are medians with quartiles. Memory is the peak of the process,
including compilation, or of a GPU's arrays.
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, create
from albar_jax.terminal import flags
from albar_jax.weights.loading import save_torch
from albar_jax.wiring.program import leave_with
from benchmarks.figures import TOLERANCES, check_same, ratios
from benchmarks.task import NUM_CLASSES, PROGRAMS, Task

# Framework -> title.
PEERS = {"eager": "PyTorch", "compiled": "torch.compile"}
# Columns of the table after the first, with their widths.
_COLUMNS = (
    ("wall", 6),
    ("quartiles", 13),
    ("CPU time", 10),
    ("quartiles", 13),
    ("memory", 10),
    ("FLOPs", 9),
)


class Worker:
    """A process in which a framework runs one step.

    Attributes:
      process: the process.
      name: name of the framework.
      ready: its first answer: FLOPs and losses of two steps, or an error.
      costs: cost of each step since then.
    """

    def __init__(self, framework: str, program: str, task: Task):
        command = [sys.executable, "-m", "benchmarks.step_worker", framework, program]
        self.process = subprocess.Popen(
            [*command, json.dumps(dataclasses.asdict(task))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.name = framework
        self.ready = self._answer()
        self.costs: list[dict[str, float]] = []

    def go(self) -> None:
        """Runs one step and records its cost."""
        print("go", file=self.process.stdin, flush=True)
        self.costs.append(self._answer())

    def stop(self) -> None:
        """Ends the process, which frees its memory."""
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise UserError(
                f"the process of {self.name} ended with {self.process.wait()}; check that there "
                "is enough memory"
            )
        return json.loads(line)


def main(options: argparse.Namespace) -> int:
    """Measures the three steps and prints a table."""
    _check_packages()
    # All workers have their arrays on the GPU at the same time.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    platform = jax.default_backend()
    if platform not in ("cpu", "gpu"):
        raise UserError(
            f"PyTorch has no {platform} to be compared on; JAX_PLATFORMS=cpu compares on the CPU"
        )

    titles = "".join(f"{name:>{width}}" for name, width in _COLUMNS)
    print(f"{'ours / theirs':<28}{titles}")
    with tempfile.TemporaryDirectory() as folder:
        task = _task(options, platform, str(Path(folder) / "weights.safetensors"))
        forward_flops = None
        for program in PROGRAMS:
            ours, peers = measure(program, task, options.rounds)
            # The first program is inference.
            forward_flops = forward_flops or ours.ready["flops"]
            print_rows(program, ours, peers, f"{ours.ready['flops'] / forward_flops:.2f} F")

    print(
        f"\nF = {forward_flops / 1e9:.1f} GFLOP, one forward pass; ours alone "
        "(albar_jax/profiling/flops.py)."
    )
    return 0


def _check_packages() -> None:
    missing = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"{' and '.join(missing)} not installed; pip install -e '.[torch]'")


def _task(options: argparse.Namespace, platform: str, weights: str) -> Task:
    """Writes random weights and returns the task that the options ask for."""
    config = dataclasses.replace(PRESETS["tiny"], num_classes=NUM_CLASSES)
    _, params = create(config, jax.random.key(0))
    save_torch(weights, config, params)
    return Task(
        options.frames,
        options.size,
        options.batch,
        options.threads,
        platform,
        options.dtype,
        weights,
    )


def measure(program: str, task: Task, rounds: int) -> tuple[Worker, Sequence[Worker]]:
    """Runs `rounds` steps of ours and of each peer that could make the step.

    Returns:
      Our worker and the peers.
    """
    with contextlib.ExitStack() as stack:
        # One after the other, because compiling uses all cores.
        workers = []
        for framework in ("jax", *PEERS):
            worker = Worker(framework, program, task)
            stack.callback(worker.stop)
            workers.append(worker)
        ours, *peers = workers

        # A peer that cannot make the step is reported, not compared.
        working = [worker for worker in workers if "error" not in worker.ready]
        for worker in working:
            check_same(
                f"{program}, {worker.name}",
                ours.ready["losses"],
                worker.ready["losses"],
                TOLERANCES[task.dtype],
            )
        for _ in range(rounds):
            for worker in working:
                worker.go()

    return ours, peers


def print_rows(program: str, ours: Worker, peers: Sequence[Worker], flops: str) -> None:
    """Prints a row for each peer."""
    for peer in peers:
        row = f"{program} / {PEERS[peer.name]}"
        if "error" in peer.ready:
            print(f"{row:<28}  -- {peer.ready['error']}", flush=True)
            continue

        wall = _ratio_cells(ours, peer, "wall")
        cpu = _ratio_cells(ours, peer, "cpu")
        memory = ours.costs[-1]["memory"] / peer.costs[-1]["memory"]
        print(f"{row:<28}{wall:>19}{cpu:>23}{memory:>10.2f}{flops:>9}", flush=True)


def _ratio_cells(ours: Worker, peer: Worker, quantity: str) -> str:
    """Formats the median of ours / theirs and its quartiles."""
    low, middle, high = ratios(
        [cost[quantity] for cost in ours.costs], [cost[quantity] for cost in peer.costs]
    )
    return f"{middle:.2f}{f'{low:.2f}..{high:.2f}':>13}"


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.step", description=__doc__)
    parser.add_count("--frames", 16, "frames per clip")
    parser.add_count("--size", 112, "height and width of a clip")
    parser.add_count("--batch", 1, "clips per step")
    parser.add_count("--rounds", 9, "number of measurements of each framework")
    parser.add_argument(
        "--dtype",
        choices=list(TOLERANCES),
        default="float32",
        help="dtype of the computation; bfloat16 by autocast",
    )
    cores = len(os.sched_getaffinity(0))
    parser.add_count("--threads", cores, "number of cores that each framework may use")
    return parser.parse_args()


if __name__ == "__main__":
    leave_with(lambda: main(_options()))
