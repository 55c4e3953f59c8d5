"""Measures how accurate and how biased trained models are, and writes a page that compares them.

Evaluates the checkpoints of training runs (--workdir, can be repeated), other weights (--weights
with --config), or CSV files of predictions (--predictions, see `albar audit`).
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar evaluate --workdir runs/ce --workdir runs/albar --out runs/evaluation
  albar evaluate --weights swin3d_t.pth --config hmdb51 --out runs/hmdb51/pretrained"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar evaluate`."""
    parser.add_paths("--workdir", "folder of a training run")
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="NAME",
        help="checkpoint to evaluate: best (by validation), last, or a step",
    )
    parser.add_argument(
        "--weights",
        type=flags.spec,
        metavar="SOURCE",
        help="weights instead of --workdir: a file, a folder, or torchvision:NAME",
    )
    parser.add_paths("--predictions", "predictions instead of --workdir: a folder of CSV files")
    parser.add_config(
        "with --weights: the experiment; with --workdir: test sets and views that replace those of "
        "the run; with --predictions: where the videos are"
    )
    parser.add_path("--out", "folder for the results")
    flags.add_processes(parser)


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that evaluates runs, weights or predictions."""
    if options.out is None:
        raise UserError(
            "--out is missing; name a folder for the results, as in --out runs/evaluation"
        )
    sources = [options.workdir, options.weights, options.predictions]
    if sum(map(bool, sources)) != 1:
        raise UserError(
            "say what to evaluate: either --workdir DIR (can be repeated), or --weights W "
            "--config C, or --predictions DIR"
        )

    # These modules import JAX.
    from albar_jax.config.config_files import load
    from albar_jax.parallel import hosts
    from albar_jax.wiring import program, run_audit, run_evaluation, trained_models

    def evaluate() -> int:
        program.keep_compiled()
        hosts.join(options.coordinator, options.processes, options.process)

        # After joining: a config that one process cannot read then ends all of them.
        config = None
        if options.config is not None or options.weights:
            config = load(options.config, options.changes)
        out = str(options.out)

        if options.predictions:
            return run_audit.run(options.predictions, out, config)
        if options.weights:
            return run_evaluation.run([trained_models.from_weights(options.weights, config)], out)

        models = [
            trained_models.from_workdir(str(workdir), options.checkpoint, config)
            for workdir in options.workdir
        ]
        return run_evaluation.run(models, out)

    return lambda: program.run(evaluate)
