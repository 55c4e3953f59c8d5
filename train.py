"""Trains a recogniser: `python run_training.py --config configs/quickstart.py:albar --workdir runs/albar`."""

# First, so that Ctrl-C is one word while the others are imported; see `albar_jax.terminal.early`.
import albar_jax  # noqa: F401

# isort: split

from ml_collections import config_flags

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.parallel import hosts
from albar_jax.terminal import flags
from albar_jax.wiring import run_training

CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "The experiment, as configs/NAME.py[:METHODS]; --config.FIELD=VALUE changes one field of it.",
    lock_config=True,
)
WORKDIR = flags.define_path(
    "workdir", None, "Folder for checkpoints and logs; resumed if it has any."
)
JOIN = hosts.define_flags()


def main() -> int:
    """Reads the flags."""
    if WORKDIR.value is None:
        raise UserError(
            "--workdir is missing; say where checkpoints and logs shall go, as in --workdir runs/albar"
        )
    cli.keep_compiled()
    JOIN()
    return run_training.run(cli.config_dict(CONFIG.value), WORKDIR.value)


if __name__ == "__main__":
    cli.run(main)
