"""Measures how biased models are: `python run_evaluation.py --workdir runs/albar --out runs/albar/evaluation`."""

# First, so that Ctrl-C is one word while the others are imported; see `albar_jax.terminal.early`.
import albar_jax  # noqa: F401

# isort: split

from absl import flags
from ml_collections import config_flags

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.parallel import hosts
from albar_jax.terminal.flags import define_path, define_paths, define_spec
from albar_jax.wiring import run_audit, run_evaluation

WORKDIRS = define_paths("workdir", "Folder of a train.py run; give it again to compare several.")
CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "best", "Which checkpoint: best (by validation), last, or a step."
)
WEIGHTS = define_spec("weights", None, "Instead of --workdir: weights as config.init names them.")
CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "With --weights: the experiment. With --workdir: tests instead of its own. With --predictions: the videos to show.",
)
PREDICTIONS = define_paths(
    "predictions",
    "Instead of --workdir: a folder of CSV files id,label,pred or id,label,prob_0.. by any program.",
)
OUT = define_path("out", None, "Folder for results.json, results.md, report.html and predictions/.")
JOIN = hosts.define_flags()


def main() -> int:
    """Reads the flags."""
    if OUT.value is None:
        raise UserError(
            "--out is missing; say where the results shall go, as in --out runs/evaluation"
        )
    if sum(map(bool, (WORKDIRS.value, WEIGHTS.value, PREDICTIONS.value))) != 1:
        raise UserError(
            "say what to evaluate: either --workdir DIR (several, if you like), or --weights W --config C, "
            "or --predictions DIR"
        )
    cli.keep_compiled()
    JOIN()
    if WEIGHTS.value:
        models = [run_evaluation.from_weights(WEIGHTS.value, cli.config_dict(CONFIG.value))]
        return run_evaluation.run(models, OUT.value)
    config = None if CONFIG.value is None else cli.config_dict(CONFIG.value)
    if PREDICTIONS.value:
        return run_audit.run(PREDICTIONS.value, OUT.value, config)
    models = [
        run_evaluation.from_workdir(workdir, CHECKPOINT.value, config) for workdir in WORKDIRS.value
    ]
    return run_evaluation.run(models, OUT.value)


if __name__ == "__main__":
    cli.run(main)
