"""What the training step of a config needs on a chip: compiled, never run.

    python -m albar_jax.commands.plan --config configs/hmdb51.py --topology v5e:2x2 --per-chip 4

compiles for TPUs on a machine that has none (`pip install -e '.[tpu]'`), in some minutes; without --topology, for the
devices that are here. Prints memory by kind, FLOPs, collectives, whether it fits, and the largest batch that does.
"""

from absl import flags
from ml_collections import config_flags

from albar_jax import cli
from albar_jax.wiring import run_plan

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The config; --config.FIELD=VALUE changes one field."
)
TOPOLOGY = flags.DEFINE_string(
    "topology", None, "TPUs to compile for, such as v5e:2x2; default: the devices here."
)
PER_CHIP = flags.DEFINE_integer(
    "per-chip", None, "Clips a chip; default: config.batch_size over the chips."
)


def main() -> int:
    """Reads the flags."""
    return run_plan.run(cli.config_dict(CONFIG.value), TOPOLOGY.value, PER_CHIP.value)


if __name__ == "__main__":
    cli.run(main)
