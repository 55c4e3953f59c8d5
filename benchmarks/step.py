"""What our steps cost, as ratios to PyTorch's: `python -m benchmarks.step`.

Inference, a step of plain training and a step of ALBAR, of a Video Swin-T with the same weights, clips, optimiser and
number of threads, on the CPU or, where JAX sees one, a GPU; PyTorch as it is and through torch.compile. A program is
compared only once all agree on the losses of its first two steps, of which the second tells whether the gradients are
the same. Each framework holds its step in a process of its own; they take turns, so that a busy machine slows all of
them alike. Times are medians, with their quartiles; memory is the peak of the process, compilation included, or of a
GPU's arrays.
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
from albar_jax.wiring import program
from benchmarks.figures import TOLERANCES, check_same, ratios
from benchmarks.task import NUM_CLASSES, PROGRAMS, Task

PEERS = {"eager": "PyTorch", "compiled": "torch.compile"}


class Worker:
    """A framework that holds a step; `ready` is what it said of it."""

    def __init__(self, framework: str, program: str, task: Task):
        command = [sys.executable, "-m", "benchmarks.step_worker", framework, program]
        self.process = subprocess.Popen(
            [*command, json.dumps(dataclasses.asdict(task))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.name, self.costs, self.ready = framework, [], self._answer()

    def go(self) -> None:
        """Takes one step and notes what it cost."""
        print("go", file=self.process.stdin, flush=True)
        self.costs.append(self._answer())

    def stop(self) -> None:
        """Ends the process, and with it its memory."""
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise UserError(
                f"the process of {self.name} ended with {self.process.wait()}; is there memory for it?"
            )
        return json.loads(line)


def main(options: argparse.Namespace) -> int:
    """Measures the three programs and prints a table."""
    missing = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"{' and '.join(missing)} not installed; pip install -e '.[torch]'")
    os.environ.setdefault(
        "XLA_PYTHON_CLIENT_PREALLOCATE", "false"
    )  # all hold their steps on the GPU at once
    platform = jax.default_backend()
    if platform not in ("cpu", "gpu"):
        raise UserError(
            f"PyTorch has no {platform} to be compared on; JAX_PLATFORMS=cpu compares on the CPU"
        )
    columns = [
        ("wall", 6),
        ("quartiles", 13),
        ("CPU time", 10),
        ("quartiles", 13),
        ("memory", 10),
        ("FLOPs", 9),
    ]
    print(f"{'ours / theirs':<28}" + "".join(f"{name:>{width}}" for name, width in columns))
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder) / "weights.safetensors")
        config = dataclasses.replace(PRESETS["tiny"], num_classes=NUM_CLASSES)
        save_torch(weights, config, create(config, jax.random.key(0))[1])
        task = Task(
            options.frames,
            options.size,
            options.batch,
            options.threads,
            platform,
            options.dtype,
            weights,
        )
        forward_flops = None
        for program in PROGRAMS:
            ours, peers = measure(program, task, options.rounds)
            forward_flops = forward_flops or ours.ready["flops"]
            print_rows(program, ours, peers, f"{ours.ready['flops'] / forward_flops:.2f} F")
    print(
        f"\nF = {forward_flops / 1e9:.1f} GFLOP, one forward pass; ours alone (albar_jax/profiling/flops.py)."
    )
    return 0


def measure(program: str, task: Task, rounds: int) -> tuple[Worker, Sequence[Worker]]:
    """Ours and the peers, which have taken `rounds` turns, but for those that could not make the step."""
    with contextlib.ExitStack() as stack:
        workers = []
        for framework in ("jax", *PEERS):  # one after the other: compiling takes all cores
            workers.append(Worker(framework, program, task))
            stack.callback(workers[-1].stop)
        ours, *peers = workers
        working = [worker for worker in workers if "error" not in worker.ready]
        for worker in working:
            losses = (each.ready["losses"] for each in (ours, worker))
            check_same(f"{program}, {worker.name}", *losses, TOLERANCES[task.dtype])
        for _ in range(rounds):
            for worker in working:
                worker.go()
    return ours, peers


def print_rows(program: str, ours: Worker, peers: Sequence[Worker], flops: str) -> None:
    """A row for each peer."""
    for peer in peers:
        row = f"{program} / {PEERS[peer.name]}"
        if "error" in peer.ready:
            print(f"{row:<28}  -- {peer.ready['error']}", flush=True)
            continue
        cells = []
        for quantity in ("wall", "cpu"):
            low, middle, high = ratios(
                [cost[quantity] for cost in ours.costs], [cost[quantity] for cost in peer.costs]
            )
            cells.append(f"{middle:.2f}{f'{low:.2f}..{high:.2f}':>13}")
        memory = ours.costs[-1]["memory"] / peer.costs[-1]["memory"]
        print(f"{row:<28}{cells[0]:>19}{cells[1]:>23}{memory:>10.2f}{flops:>9}", flush=True)


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.step", description=__doc__)
    parser.add_argument(
        "--frames", type=flags.count, default=16, metavar="N", help="frames per clip"
    )
    parser.add_argument(
        "--size", type=flags.count, default=112, metavar="N", help="height and width of a clip"
    )
    parser.add_argument("--batch", type=flags.count, default=1, metavar="N", help="clips per step")
    parser.add_argument(
        "--rounds",
        type=flags.count,
        default=9,
        metavar="N",
        help="number of measurements of each framework",
    )
    parser.add_argument(
        "--dtype",
        choices=list(TOLERANCES),
        default="float32",
        help="dtype of the computation; bfloat16 by autocast",
    )
    parser.add_argument(
        "--threads",
        type=flags.count,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="number of cores that each framework may use",
    )
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
