"""Trains and evaluates all rows of a table for several seeds, then writes the table.

Repeat the command to resume. Several processes may work on one study, on one or several hosts: each
run is trained by one of them.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import config_changes, flags

EXAMPLE = """  albar study --config quickstart_table1 --workdir runs/studies --seeds 0,1,2
  albar study --config configs/studies/hmdb51_table1.py --workdir runs/studies --list
  albar study --config quickstart_table1 --workdir runs/studies --report
  albar study --workdir runs/studies --trials
  albar study --compare runs/studies/world_*_report --row albar_fast --row albar --out fast.md"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar study`."""
    help = (
        "study: the name of a file of configs/studies, or its path; an argument of the study "
        "follows a colon"
    )
    parser.add_config(help, metavar="NAME|FILE[:ARGUMENT]")
    parser.add_path("--workdir", "folder for the runs, which studies share, and for the tables")
    parser.add_argument(
        "--seeds",
        metavar="N,N,...",
        help="training seeds, joined by commas; 0,1,2 by default, which are for choices, and "
        "10,11,12,13,14 with --report",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="make figures to report: on seeds that no choice has used, with committed code",
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
    parser.add_argument(
        "--trials",
        action="store_true",
        help="write all trials of --workdir as trials.md, also failed and deleted ones, and exit",
    )
    _add_comparison(parser)


def _add_comparison(parser: flags.Parser) -> None:
    """Adds the options that compare the tables of several studies."""
    parser.add_argument(
        "--compare",
        type=flags.path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="compare the tables in these folders, and exit: the orders of their rows with the "
        "paper's, or two rows in each table",
    )
    parser.add_argument(
        "--row",
        action="append",
        default=[],
        metavar="NAME",
        help="with --compare, given twice: count the tables in which the first row is within one "
        "standard deviation of the second, or better",
    )
    parser.add_argument(
        "--column",
        default="contrasted",
        metavar="NAME",
        help="with --row, the figure: iid, scuba, scufo, conflfg or contrasted, for example",
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=0.0,
        metavar="POINTS",
        help="with --row, count the tables in which the first row is better by this many points, "
        "too; below 0, worse by no more than that",
    )
    parser.add_path("--out", "with --compare, the file to write, in Markdown", metavar="FILE")


# What `--list`, `--table`, `--trials` and `--compare` do without.
_RUN_OPTIONS = ("--config", "--seeds", "--report", "--cell", "--set")
_COMPARE_OPTIONS = ("--row", "--column", "--margin", "--out")
_ROW_OPTIONS = ("--column", "--margin")


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function of a mode: run, list or tabulate a study, or read several studies."""
    # Each mode has options of its own; without one, the study is run.
    modes = [name for name in ("list", "table", "trials", "compare") if getattr(options, name)]
    if len(modes) > 1:
        raise UserError(f"--{modes[0]} and --{modes[1]} are two commands; give one of them")
    if options.compare:
        return _bind_comparison(options)
    flags.refuse_unused(options, _COMPARE_OPTIONS, "without --compare")
    if options.trials:
        return _bind_trials(options)
    return _bind_study(options)


def _bind_comparison(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that compares the tables of several studies."""
    flags.refuse_unused(options, ["--workdir", *_RUN_OPTIONS], "with --compare")
    if options.out is None:
        raise UserError("--out is missing; name the file to write, as in --out comparison.md")
    # Without rows, the orders of all rows are compared.
    if not options.row:
        flags.refuse_unused(options, _ROW_OPTIONS, "without --row")
    elif len(options.row) != 2:
        raise UserError(
            f"--row is given {len(options.row)} times; name two rows, as in --row albar --row ce"
        )

    # JAX takes seconds to load, and a mistake is reported before.
    from albar_jax.wiring import program, study_comparison

    def compare() -> int:
        folders = list(map(str, options.compare))
        if not options.row:
            return study_comparison.write_orders(folders, options.out)
        first, second = options.row
        return study_comparison.write_counts(
            folders, (first, second), options.column, options.margin, options.out
        )

    return lambda: program.run(compare)


def _bind_trials(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that writes the trials of a folder of studies."""
    flags.refuse_unused(options, _RUN_OPTIONS, "with --trials")
    if options.workdir is None:
        raise UserError("--workdir is missing; name the folder whose trials you want")

    from albar_jax.wiring import program, study_trials

    return lambda: program.run(lambda: study_trials.write_page(options.workdir))


def _bind_study(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that runs a study, lists its runs, or writes its table."""
    if options.config is None:
        raise UserError("--config is missing; say, for example, --config quickstart_table1")
    if options.workdir is None:
        raise UserError(
            "--workdir is missing; name a folder for runs and tables, as in --workdir runs/studies"
        )
    if options.list or options.table:
        flags.refuse_unused(options, ["--cell"], "with --list or --table")

    from albar_jax.wiring import program, run_study, study_request

    def study() -> int:
        settings = [*options.set, *config_changes.assignments(options.changes)]
        request = study_request.read_request(
            options.config,
            str(options.workdir),
            options.seeds,
            settings,
            for_report=options.report,
        )
        if options.list:
            return run_study.list_states(request)
        if options.table:
            return run_study.write_table(request)

        program.keep_compiled()
        return run_study.run(request, options.cell)

    return lambda: program.run(study)
