"""Measures `train.py` on films: cold and warm start, SIGTERM, resumption, speed, memory."""

import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.errors import UserError
from albar_jax.parallel.mesh import data_mesh
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_summary import read_summary
from benchmarks.gpu import journal as journals
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.machine import ceiling
from benchmarks.gpu.runs import Run, history
from benchmarks.gpu.settings import NUM_CLASSES, Settings
from benchmarks.gpu.steps import config_of, model_flops


def run(settings: Settings, journal: Journal, method: str) -> None:
    """Trains with an empty compilation cache, stops, resumes, and trains once more without a stop.

    Raises:
      UserError: there are no videos, or `train.py` fails.
    """
    if not settings.manifest.exists():
        raise UserError(
            "the stage films has not prepared any videos, so there is nothing to train on"
        )
    sizes = settings.sizes
    workdir = settings.workdir(method)

    # The compilation cache is empty.
    cold = Run(settings, method, workdir)
    # Runs on one core while the compiler uses the others.
    model = model_flops(config_of(settings, method, **{"model.remat": "none"}))
    journal.write("cold", first_step_s=cold.first_step())
    cold.reach(sizes.stop_at)
    status, seconds = cold.stop()
    stopped = cold.summary
    journal.write(
        "stopped",
        by="SIGTERM",
        status=status,
        saved_step=stopped["step"],
        seconds=seconds,
        compiling_s=stopped["seconds_compiling"],
    )

    warm = Run(settings, method, workdir)
    journal.write("resumed", first_step_s=warm.first_step())
    warm.finish()
    journal.write("speed", **speed(settings, method, warm, stopped["step"]))
    journal.write("utilisation", **utilisation(settings, method, workdir, model))

    # A second run from the start, with a warm compilation cache and without a stop.
    straight = Run(settings, method, workdir.with_name(f"{method}_straight"))
    journal.write("warm", first_step_s=straight.first_step())
    straight.finish()
    journal.write("continuity", **continuity(settings, method, workdir, straight.workdir))
    shutil.rmtree(straight.workdir)


def speed(settings: Settings, method: str, run: Run, resumed_at: int) -> dict[str, Any]:
    """Measures the steps after a resumption, excluding the first few and the last."""
    first = resumed_at + settings.sizes.warm_up
    rows = [row for row in history(run.workdir) if first <= row["step"] < settings.sizes.steps]
    batch = settings.sizes.batch
    seconds = np.array([batch / row["speed/clips_per_second"] for row in rows[1:]])
    waited = np.diff([row["speed/seconds_waiting_for_data"] for row in rows])
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    loader = config_of(settings, method).loader

    return {
        "steps": len(seconds),
        "clips_per_s": batch * len(seconds) / seconds.sum(),
        "step_s": middle,
        "step_s_quartiles": [low, high],
        "waiting_share": waited.sum() / seconds.sum(),
        "workers": loader.workers,
        "threads": loader.threads,
        "peak_device_bytes": run.memory["device_bytes"],
        "peak_host_bytes": run.memory["host_bytes"],
    }


def utilisation(settings: Settings, method: str, workdir: Path, model: float) -> dict[str, Any]:
    """Compares the achieved FLOP/s with the measured matrix product.

    Args:
      settings: settings of the whole run.
      method: key of METHODS; its speed is in the journal.
      workdir: workdir of the run; its summary has the FLOPs of a step.
      model: FLOPs of a step without rematerialisation.
    """
    lines = journals.read(Path(settings.out))
    clips_per_s = next(
        line["clips_per_s"]
        for line in reversed(lines)
        if line["what"] == "speed" and line["stage"] == f"train_{method}"
    )
    most = ceiling(lines)
    step = read_summary(workdir)["flops_per_step"]
    steps_per_s = clips_per_s / settings.sizes.batch

    return {
        "model_flops": model,
        "step_flops": step,
        "ceiling_flops_per_s": most,
        "model_flops_utilisation": _ratio(model * steps_per_s, most),
        "step_flops_utilisation": _ratio(step * steps_per_s, most),
    }


def _ratio(rate: float, ceiling_rate: float | None) -> float | None:
    return rate / ceiling_rate if ceiling_rate else None


def continuity(settings: Settings, method: str, resumed: Path, straight: Path) -> dict[str, Any]:
    """Compares the resumed run with an uninterrupted one.

    `first_difference` is the first step whose logged losses or norms differ. Before the stop it
    means a nondeterministic device, after the stop a faulty resumption.
    """
    ours = history(resumed)
    theirs = history(straight)
    steps = [row["step"] for row in ours]
    differing = [
        a["step"] for a, b in zip(ours, theirs, strict=False) if _numbers(a) != _numbers(b)
    ]
    config = config_of(settings, method)
    first, second = (_final_params(path, config) for path in (resumed, straight))
    gaps = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), first, second)

    return {
        "every_step_once": steps == list(range(1, settings.sizes.steps + 1)),
        "same_log": not differing and len(ours) == len(theirs),
        "first_difference": differing[0] if differing else None,
        "same_parameters": max(jax.tree.leaves(gaps)) == 0.0,
        "largest_parameter_gap": max(jax.tree.leaves(gaps)),
    }


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("speed/")}


def _final_params(workdir: Path, config: Config) -> Any:
    checkpoints = Checkpoints(workdir, read_only=True)
    _, template = wiring.model_shapes(config, NUM_CLASSES, data_mesh())
    restored = checkpoints.restore_params(checkpoints.find("last"), template)
    return jax.tree.map(np.asarray, restored)
