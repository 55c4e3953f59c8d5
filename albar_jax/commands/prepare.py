"""Writes the manifest of a downloaded data set.

The output folder also gets classes.txt, and with --check the table check.tsv of all videos.
`albar prepare NAME --help` describes the layout that is expected of a data set, and its options.
"""

import argparse
import functools
import os
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from albar_jax.data.prepare import DATASETS
from albar_jax.data.prepare.base import DataSet
from albar_jax.data.prepare.preparation import Format, Options, prepare
from albar_jax.terminal import flags

EXAMPLE = """  albar prepare hmdb51 --videos hmdb51_org --splits testTrainMulti_7030_splits
  albar prepare folder --videos my_videos --out data/custom"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the data sets as sub-commands of `albar prepare`, with their options."""
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, data_set in DATASETS.items():
        # `python -OO` removes docstrings.
        described = sys.modules[data_set.read.__module__].__doc__ or ""
        first_line = described.partition("\n")[0]
        command = names.add_parser(
            # argparse formats the help, but not the description.
            name,
            help=first_line.replace("%", "%%"),
            description=described,
        )
        if data_set.has_several_folders:
            command.add_path("--videos", "folders of the videos", required=True, nargs="+")
        else:
            command.add_path("--videos", "folder of the videos", required=True)
        for flag, settings in data_set.options.items():
            command.add_argument(flag, **_checked(settings))
        _add_common(command, data_set)


def bind(options: argparse.Namespace) -> Callable[[], None]:
    """Returns the function that prepares a data set."""
    if not options.check:
        flags.refuse_unused(options, ("--jobs", "--deadline"), "without --check")

    data_set = DATASETS[options.name]
    names = [flag.removeprefix("--").replace("-", "_") for flag in data_set.options]
    common = Options(
        videos=options.videos,
        out=options.out,
        skip_missing=getattr(options, "skip_missing", False),
        check=options.check,
        jobs=options.jobs,
        deadline=options.deadline,
        format=options.format,
    )
    return functools.partial(
        prepare, data_set, common, {name: getattr(options, name) for name in names}
    )


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `add_argument`, with paths that are expanded and refuse URLs."""
    checked = dict(settings)
    if checked.get("type") is Path:
        checked["type"] = flags.path
    return checked


def _add_common(command: flags.Parser, data_set: DataSet) -> None:
    """Adds the options that all data sets share."""
    if "--out" not in data_set.options:
        name = data_set.folder or data_set.config
        command.add_path("--out", "folder to write to", default=Path("data", name))
    if not data_set.may_lack_videos:
        command.add_argument(
            "--skip-missing", action="store_true", help="leave out listed videos that do not exist"
        )
    command.add_argument(
        "--check",
        action="store_true",
        help="decode every video, leave out those that fail, and check the checksums of records",
    )
    jobs = len(os.sched_getaffinity(0))
    command.add_count("--jobs", jobs, "number of processes that check")
    command.add_argument(
        "--deadline",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="limit for the check of one video",
    )
    command.add_argument(
        "--format",
        choices=typing.get_args(Format),
        default="manifest",
        help="array_record packs the encoded videos into a few large files",
    )
