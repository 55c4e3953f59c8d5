"""The config of an experiment: its fields, their defaults, and the conversion to dataclasses.

A `ConfigDict`, which config files and flags change, is converted by `parse` to frozen dataclasses,
which the code uses.
"""

from albar_jax.config.defaults import default_config, method_options
from albar_jax.config.describe import describe_fields
from albar_jax.config.experiment import Config
from albar_jax.config.parsing import expand_paths, parse
from albar_jax.config.saved import (
    differences,
    lasting,
    may_change_on,
    names_of_0_1,
    scaled_lr,
    upgrade_saved,
)

__all__ = [
    "Config",
    "default_config",
    "describe_fields",
    "differences",
    "expand_paths",
    "lasting",
    "may_change_on",
    "method_options",
    "names_of_0_1",
    "parse",
    "scaled_lr",
    "upgrade_saved",
]
