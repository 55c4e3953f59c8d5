"""Prepares a data set as it was downloaded: `python -m albar_jax.data.prepare hmdb51 --videos DIR --splits DIR`.

OUT/manifest.csv         path,label,split,id[,group]; or, for test sets of another data set,
OUT/aras.csv, ... OUT/classes.txt          the names of all classes, in the order of their numbers
OUT/stills.csv           path,frame,id: the still picture of each video, for Waterbirds
OUT/missing.tsv          listed videos that are missing, where that is allowed OUT/check.tsv with
--check: frames of each video, or why it cannot be read OUT/array_record/        with --format
array_record: the videos, as they are, in ArrayRecord shards
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.data.prepare import DATASETS
from albar_jax.data.prepare.base import Layout, Listing, number_repeats
from albar_jax.data.prepare.groups import with_groups
from albar_jax.data.prepare.output import Output, next_command, summary
from albar_jax.errors import UserError, exit_status, leave
from albar_jax.storage.lock import working_in
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 2 after a user's mistake."""
    args = _parser().parse_args(arguments)
    return exit_status(lambda: _run(DATASETS[args.name], args))


def _parser() -> argparse.ArgumentParser:
    parser = flags.Parser(
        prog="python -m albar_jax.data.prepare",
        description="Make the manifest of a data set as it was downloaded.",
    )
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, layout in DATASETS.items():
        described = sys.modules[layout.read.__module__].__doc__
        command = names.add_parser(
            name,
            help=described.splitlines()[0].replace("%", "%%"),
            description=described,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_argument(
            "--videos", type=flags.path, required=True, metavar="DIR", help="where the videos are"
        )
        for flag, settings in layout.options.items():
            command.add_argument(flag, **_checked(settings))
        _add_common(command, layout)
    return parser


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `add_argument`, with the common types for paths and seeds."""
    kinds = {Path: flags.path}
    return {
        name: kinds.get(value, value) if name == "type" else value
        for name, value in settings.items()
    }


def _add_common(command: argparse.ArgumentParser, layout: Layout) -> None:
    if "--out" not in layout.options:
        out = Path("data", layout.config)
        command.add_argument(
            "--out",
            type=flags.path,
            default=out,
            metavar="DIR",
            help="where to write (default: %(default)s)",
        )
    if not layout.may_lack_videos:
        command.add_argument(
            "--skip-missing", action="store_true", help="leave out listed videos that are not there"
        )
    command.add_argument(
        "--check",
        action="store_true",
        help="decode every video, leave out those that fail, and check the sums of records",
    )
    command.add_argument(
        "--jobs",
        type=flags.count,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes that check (default: %(default)s)",
    )
    command.add_argument(
        "--deadline",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="for checking one video (default: %(default)s)",
    )
    command.add_argument(
        "--format",
        choices=("manifest", "array_record"),
        default="manifest",
        help="array_record packs the encoded videos into a few large files (default: %(default)s)",
    )


def _run(layout: Layout, args: argparse.Namespace) -> None:
    if not args.deadline > 0:
        raise UserError(f"--deadline is {args.deadline:g}; give more than 0 seconds")
    options = {flag.removeprefix("--").replace("-", "_") for flag in layout.options}
    with working_in(args.out, "--out"):
        _prepare(layout, args, options)


def _prepare(layout: Layout, args: argparse.Namespace, options: set[str]) -> None:
    found = layout.read(args.videos, **{name: getattr(args, name) for name in options})
    parts = (
        [(layout, found)]
        if isinstance(found, Listing)
        else [_task(layout, *task) for task in found.items()]
    )
    for part, listing in parts:
        _refuse_missing(part, listing, args)
        Output(part, args.out).refuse_odd(listing.items, listing.classes, listing.stills.values())
    for part, listing in parts:
        following = _write(part, listing, args)
    show(f"next: {following}")


def _task(layout: Layout, task: str, listing: Listing) -> tuple[Layout, Listing]:
    """A test set of a benchmark as a layout of its own, evaluated with the config of the data set that it is of."""
    if task == "manifest":
        return layout, listing
    return dataclasses.replace(
        layout, title=task, config=task.split("_")[0], manifest=f"{task}.csv"
    ), listing


def _refuse_missing(layout: Layout, listing: Listing, args: argparse.Namespace) -> None:
    if listing.missing and not (layout.may_lack_videos or args.skip_missing):
        raise UserError(
            f"{len(listing.missing)} of {len(listing.items) + len(listing.missing)} listed videos are not under "
            f"{args.videos}, {listing.missing[0].path} first; complete the download, or leave them out with "
            "--skip-missing"
        )


def _write(layout: Layout, listing: Listing, args: argparse.Namespace) -> str:
    """Writes and reports one manifest; returns the command that uses it."""
    listed = len(listing.items) + len(listing.missing)
    output = Output(layout, args.out)
    output.write_missing(listing.missing)
    notes = list(listing.notes)
    if listing.missing:
        notes.append(
            f"{len(listing.missing)} of {listed} videos are missing, see {output.beside('missing.tsv')}"
        )
    items = with_groups(number_repeats(listing.items))
    if args.check:
        items, bad = output.without_bad(items, jobs=args.jobs, deadline=args.deadline)
        notes += [bad] if bad else []
    output.write_stills(listing.stills)
    # The manifest is the last: who finds it finds all.
    output.write(items, listing.classes, args.format, check=args.check)
    lines = [*summary(layout, listing, items), *(f"note: {note}" for note in notes)]
    show(*lines, f"{output.manifest}: written")
    return next_command(output, items, len(listing.classes))


if __name__ == "__main__":
    leave(main)
