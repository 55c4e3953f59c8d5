"""Measures how accurate and how biased trained models are, and writes a page that compares them.

Evaluates the checkpoints of training runs (--workdir, can be repeated), other weights (--weights
with --config), or CSV files of predictions (--predictions, see `albar audit`).
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags, model_options

EXAMPLE = """  albar evaluate --workdir runs/ce --workdir runs/albar --out runs/evaluation
  albar evaluate --weights swin3d_t.pth --config hmdb51 --out runs/hmdb51/pretrained"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar evaluate`."""
    model_options.add_run(parser, "evaluate", several=True)
    model_options.add_weights(parser)
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

    choice = model_options.choose(options)

    # These modules import JAX.
    from albar_jax.config import used_fields
    from albar_jax.parallel import hosts
    from albar_jax.wiring import chosen_models, program, run_audit, run_evaluation

    def evaluate() -> int:
        program.keep_compiled()
        hosts.join(options.coordinator, options.processes, options.process)

        # After joining: a config that one process cannot read then ends all of them.
        out = str(options.out)
        if options.predictions:
            config = run_audit.load_config(options.config, options.changes)
            return run_audit.run(options.predictions, out, config)

        models = chosen_models.load_chosen(
            choice,
            replaced=used_fields.EVALUATE,
            needed=(*used_fields.WEIGHTS, "model.num_classes", "seed"),
        )
        return run_evaluation.run(models, out)

    return lambda: program.run(evaluate)
