"""How the part of `--config configs/<name>.py:TOKENS` behind the colon picks methods and recipes."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import method_options


def apply_tokens(
    config: ConfigDict, tokens: str, published: Mapping[str, Mapping[str, Any]] | None = None
) -> ConfigDict:
    """Applies tokens joined by "+": names of methods, and `released`, the recipe of the released code.

    `albar`, `ce`, `stillmix+albar`, `released` (which is ALBAR), `released+stillmix`. `published` are the options of
    methods on this data set that differ from their defaults, which are those of HMDB51.
    """
    names = tokens.split("+")
    config.name = tokens
    is_released = "released" in names
    if is_released:
        names.remove("released")
        if not {"albar", "ce"} & set(names):
            names.append("albar")
    config.methods = method_options(*names)
    for name in set(names) & set(published or {}):
        config.methods[name].update(published[name])
    if is_released:
        released(config)
    return config


def released(config: ConfigDict) -> None:
    """Where the released code of ALBAR differs from the paper."""
    if "albar" in config.methods:
        config.methods.albar.entropy_weight = 4.25
        config.methods.albar.penalty_norm = "column"
    config.batch_size = 6
    config.optim.base_lr = 1e-5 * 64 / 6  # 1e-5 at the batch of 6.
    config.optim.weight_decay = 0.05
    config.optim.schedule = "released"
    config.data.validation_split = config.data.get_ref("test_split")  # whatever flags make it
    config.eval.clip = "start"
