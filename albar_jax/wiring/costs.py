"""What a training cost, in steps of plain training of the same network: the measure that needs no clock."""

from collections.abc import Mapping, Sequence

from albar_jax.config import Config


def plain_steps(trainings: Sequence[tuple[Config, Mapping[str, float]]]) -> list[float | None]:
    """The cost of each training, given as its config and its facts; None without a plain one of the same network."""
    plain = {
        _work(config): fact["flops_per_step"]
        for config, fact in trainings
        if set(config.methods) == {"ce"} and fact.get("flops_per_step")
    }
    return [
        fact["flops_per_step"] * fact["step"] / plain[_work(config)]
        if fact and _work(config) in plain
        else None
        for config, fact in trainings
    ]


def _work(config: Config) -> tuple:
    """What the cost of a plain step depends on."""
    return config.model, config.batch_size, config.data.num_frames, config.data.size
