"""The default config: ALBAR with the recipe of the paper. (ALBAR App. B)

`albar_jax/config/experiment.py` defines every field with its default, range and meaning. The other
files of this folder change a few fields each. Any field can also be changed on the command line,
as in `--config.optim.peak_lr=3e-4`. Paths are local; `~` is expanded.
"""

from ml_collections import ConfigDict

from albar_jax.config import default_config, method_options


def get_config() -> ConfigDict:
    """Returns the default config. It lacks only `config.data.manifest`, the list of videos."""
    # The methods are the only field without a default: their options depend on the choice.
    config = default_config()
    config.methods = method_options("albar")
    return config
