"""Trains and evaluates all rows of a table for several seeds, then writes the table.

Repeat the command to resume. Several processes may work on one study, on one or several hosts: each
run is trained by one of them.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import config_changes, flags

EXAMPLE = """  albar study --config quickstart_table1 --workdir runs/studies --seeds 0,1,2
  albar study --config configs/studies/hmdb51_table1.py --workdir runs/studies --list"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar study`."""
    help = (
        "study: the name of a file of configs/studies, or its path; an argument of the study "
        "follows a colon"
    )
    parser.add_config(help, metavar="NAME|FILE[:ARGUMENT]")
    parser.add_path("--workdir", "folder for the runs, which studies share, and for the tables")
    parser.add_argument(
        "--seeds", default="0,1,2", metavar="N,N,...", help="training seeds, joined by commas"
    )
    parser.add_argument(
        "--cell",
        type=int,
        metavar="N",
        help="do only this run, by its number in --list: for array jobs",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the runs with their numbers and states, and exit"
    )
    parser.add_argument(
        "--table", action="store_true", help="write the table of the finished runs, and exit"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="the same as --config.FIELD=VALUE",
    )


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that runs a study, lists its runs, or writes its table."""
    if options.config is None:
        raise UserError("--config is missing; say, for example, --config quickstart_table1")
    if options.workdir is None:
        raise UserError(
            "--workdir is missing; name a folder for runs and tables, as in --workdir runs/studies"
        )
    if options.list and options.table:
        raise UserError("--list and --table are two commands; give one of them")
    if options.list or options.table:
        flags.refuse_unused(options, ["--cell"], "with --list or --table")

    from albar_jax.wiring import program, run_study

    def study() -> int:
        seeds = [seed.strip() for seed in options.seeds.split(",")]
        settings = [*options.set, *config_changes.assignments(options.changes)]
        request = run_study.read_request(options.config, str(options.workdir), seeds, settings)
        if options.list:
            return run_study.list_states(request)
        if options.table:
            return run_study.write_table(request)

        program.keep_compiled()
        return run_study.run(request, options.cell)

    return lambda: program.run(study)
