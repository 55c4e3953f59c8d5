"""Collects the metrics of the latest steps: reads them late, checks, averages and logs them."""

import math
import time
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float

from albar_jax.errors import UserError
from albar_jax.parallel.exchange import STEPS_AHEAD
from albar_jax.train.run_log import RunLog


class MetricsWindow:
    """The metrics of the latest steps, which stay on the device until they are logged.

    Args:
      log: log of the run.
      batch_size: clips per step over all devices.
      learning_rates: learning rate of each step.
    """

    def __init__(self, log: RunLog, batch_size: int, learning_rates: Float[np.ndarray, " steps"]):
        self._log = log
        self._batch_size = batch_size
        self._learning_rates = learning_rates
        self._pending: list[tuple[int, Mapping[str, jax.Array]]] = []
        # Start of the time over which the speed is measured.
        self._since = time.perf_counter()

    def restart(self) -> None:
        """Excludes the time since the last flush from the speed."""
        self._since = time.perf_counter()

    def add(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """Adds the metrics of one step; waits while the device is more than two steps behind."""
        self._pending.append((step, metrics))
        if len(self._pending) > STEPS_AHEAD:
            _, oldest = self._pending[-1 - STEPS_AHEAD]
            jax.block_until_ready(oldest)

    def flush(self, until: int, waited: float) -> str:
        """Logs the mean over the pending steps up to `until`.

        Args:
          until: last step to log.
          waited: seconds that the run has waited for data so far.

        Returns:
          A short text for the progress bar; "" if no step was pending.

        Raises:
          UserError: a metric of one of these steps is not finite.
        """
        # Newer steps stay on the device.
        ready = [(step, metrics) for step, metrics in self._pending if step <= until]
        self._pending = [(step, metrics) for step, metrics in self._pending if step > until]
        if not ready:
            return ""

        # One transfer for all steps.
        rows = jax.device_get([metrics for _, metrics in ready])
        for (step, _), row in zip(ready, rows, strict=True):
            _check_finite(step, row)

        now = time.perf_counter()
        clips_per_second = len(rows) * self._batch_size / (now - self._since)
        self._since = now

        last_step, _ = ready[-1]
        # Each row of the log is a mean over the steps since the last row.
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        speed = {
            "optim/learning_rate": float(self._learning_rates[last_step - 1]),
            "speed/clips_per_second": clips_per_second,
            "speed/seconds_waiting_for_data": waited,
        }
        self._log.write(last_step, means | speed)

        return f"{_losses(means)} | {clips_per_second:.0f} clips/s, waited {waited:.1f} s"


def _losses(means: Mapping[str, float]) -> str:
    """Formats the loss terms among the metrics."""
    texts = []
    for name, value in means.items():
        if name.startswith("loss/"):
            texts.append(f"{name.removeprefix('loss/')} {value:.3f}")

    return " ".join(texts)


def _check_finite(step: int, metrics: Mapping[str, float]) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise UserError(
                f"{name} is {value} at step {step}, so training stopped; the last good checkpoint "
                "is kept; try a lower config.optim.peak_lr, config.optim.clip_norm=1, or albar's "
                "adversarial_cap"
            )
