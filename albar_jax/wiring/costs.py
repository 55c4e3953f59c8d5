"""Computes the cost of training runs in plain steps, from the FLOPs of a step."""

from collections.abc import Hashable, Mapping, Sequence

from albar_jax.config import Config
from albar_jax.methods import is_plain
from albar_jax.wiring.network import method


def plain_steps(trainings: Sequence[tuple[Config, Mapping[str, float]]]) -> list[float | None]:
    """Returns the cost of each training run in plain steps of the same network.

    Args:
      trainings: config and summary of each run; the summary is empty if a run has none.

    Returns:
      The cost of each run. None if it has no summary, or if no run is a plain training of the same
      network.
    """
    # The cost of a plain step depends on the network, so runs of the same network are compared.
    flops_per_plain_step = {}
    for config, summary in trainings:
        if is_plain(method(config)) and summary.get("flops_per_step"):
            flops_per_plain_step[_work(config)] = summary["flops_per_step"]

    costs: list[float | None] = []
    for config, summary in trainings:
        plain_flops = flops_per_plain_step.get(_work(config))
        if not summary or plain_flops is None:
            costs.append(None)
        else:
            costs.append(summary["flops_per_step"] * summary["step"] / plain_flops)

    return costs


def _work(config: Config) -> Hashable:
    """Returns the fields that determine the cost of a plain step."""
    return config.model, config.batch_size, config.data.num_frames, config.data.size
