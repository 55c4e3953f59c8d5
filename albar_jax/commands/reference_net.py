"""The bank of stills for StillMix, chosen by a network that is trained on single frames.

    python -m albar_jax.commands.reference_net --config configs/hmdb51.py --model swin2d_tiny --workdir runs/hmdb51/reference

Trains, scores every frame of the training videos, and writes data/hmdb51/stills.csv. `--low` is 0.1 for HMDB51 and 0.5
for UCF101 and Kinetics-400, of which every 20th frame is scored, in the paper. Started again, it goes on where it was
stopped; another slice needs no new scores.
"""

from absl import flags
from ml_collections import config_flags

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.terminal.flags import define_path
from albar_jax.wiring import run_reference_net

CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Whose training videos; --config.FIELD=VALUE changes one field of the reference network's config.",
)
MODEL = flags.DEFINE_string(
    "model",
    "swin2d_tiny",
    f"The network: {', '.join((*run_reference_net.RECIPES, *run_reference_net.OWN_RECIPE))}.",
)
WORKDIR = define_path(
    "workdir", None, "Folder for checkpoints, logs and scores; resumed if it has any."
)
OUT = define_path(
    "out", None, "The CSV to write: path,frame,p_label,p_max. Default: stills.csv by the manifest."
)
LOW = flags.DEFINE_float(
    "low", 0.1, "Share of the frames left out: those that look least like an action."
)
HIGH = flags.DEFINE_float(
    "high", 1.0, "Share from which on frames are left out: those that look most like one."
)
EVERY = flags.DEFINE_integer("every", 1, "Scores the frames 0, N, 2N, ... of each video.")


def main() -> int:
    """Reads the flags."""
    if WORKDIR.value is None:
        raise UserError(
            "--workdir is missing; say where the network shall go, as in --workdir runs/hmdb51/reference"
        )
    given = cli.config_dict(CONFIG.value)
    said = config_flags.get_override_values(flags.FLAGS["config"])
    config = run_reference_net.reference_config(given, MODEL.value, said)
    cli.keep_compiled()
    return run_reference_net.run(
        config, WORKDIR.value, OUT.value, low=LOW.value, high=HIGH.value, every=EVERY.value
    )


if __name__ == "__main__":
    cli.run(main)
