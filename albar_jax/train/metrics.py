"""The metrics of the latest steps: read from the device late, checked, averaged and logged."""

import math
import time
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float

from albar_jax.errors import UserError
from albar_jax.train.run_log import RunLog


class MetricsWindow:
    """The metrics of the latest steps, still on the device, until they are read, checked and logged together."""

    def __init__(self, log: RunLog, batch_size: int, learning_rates: Float[np.ndarray, " steps"]):
        self._log = log
        self._batch_size = batch_size
        self._learning_rates = learning_rates
        self._pending: list[tuple[int, Mapping[str, jax.Array]]] = []
        self._since = time.perf_counter()

    def restart(self) -> None:
        """Leaves out of the speed what happened since the last flush."""
        self._since = time.perf_counter()

    def add(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """Takes the metrics of one step; waits while the device is more than two steps behind."""
        self._pending.append((step, metrics))
        if len(self._pending) > 2:
            # At most two steps ahead of the device: more would only queue up batches in its memory.
            jax.block_until_ready(self._pending[-3][1])

    def flush(self, until: int, waited: float) -> str:
        """Logs the mean over the steps up to `until`; returns it in short for the progress bar.

        `waited` is how many seconds the run has waited for data so far.

        Raises:
          UserError: if a metric of one of these steps is not finite.
        """
        ready = [(step, metrics) for step, metrics in self._pending if step <= until]
        self._pending = [(step, metrics) for step, metrics in self._pending if step > until]
        if not ready:
            return ""
        steps, rows = [step for step, _ in ready], jax.device_get([metrics for _, metrics in ready])
        for step, row in zip(steps, rows, strict=True):
            _check_finite(step, row)
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        now = time.perf_counter()
        clips_per_second = len(rows) * self._batch_size / (now - self._since)
        self._since = now
        self._log.write(
            steps[-1],
            means
            | {
                "optim/learning_rate": float(self._learning_rates[steps[-1] - 1]),
                "speed/clips_per_second": clips_per_second,
                "speed/seconds_waiting_for_data": waited,
            },
        )
        losses = " ".join(
            f"{name.removeprefix('loss/')} {v:.3f}"
            for name, v in means.items()
            if name[:5] == "loss/"
        )
        return f"{losses} | {clips_per_second:.0f} clips/s, waited {waited:.1f} s"


def _check_finite(step: int, metrics: Mapping[str, float]) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise UserError(
                f"{name} is {value} at step {step}, so training stopped; the last good checkpoint is kept. "
                "Try a lower config.optim.peak_lr, config.optim.clip_norm=1, or albar's adversarial_cap"
            )
