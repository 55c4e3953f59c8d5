"""Measures how biased any model is, from its predictions in CSV files.

Each model has a folder with one CSV file for each test set, named after it: `hmdb51.csv`,
`hmdb51_scuba_places365.csv`, `hmdb51_scufo_places365.csv`. The columns are `id,label,pred` or
`id,label,prob_0,prob_1,...`. A file `classes.txt` names the classes, one per line.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar audit --predictions predictions/my_model --out runs/audit
  albar audit --predictions results/a --predictions results/b --config hmdb51 --out runs/audit"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar audit`."""
    parser.add_paths("--predictions", "folder of CSV files, or a folder of such folders")
    parser.add_path("--out", "folder for the results")
    parser.add_config("where the videos are: the page then shows frames of them")


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that audits predictions; imports JAX only with a config."""
    if not options.predictions:
        raise UserError(
            "--predictions is missing; name a folder of CSV files, as in --predictions results/mine"
        )
    if options.out is None:
        raise UserError("--out is missing; name a folder for the results, as in --out runs/audit")

    if options.config is None:
        from albar_jax.report.audit import write_audit

        return functools.partial(write_audit, options.predictions, options.out)

    from albar_jax.wiring import program, run_audit

    config = run_audit.load_config(options.config, options.changes)
    audit = functools.partial(run_audit.run, options.predictions, str(options.out), config)
    return lambda: program.run(audit)
