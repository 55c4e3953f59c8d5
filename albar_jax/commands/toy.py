"""Generates a small data set: videos or images whose actions, birds and scenery are drawn.

quickstart has short videos with a known scenery bias, and its bias benchmarks. world makes other
worlds of short videos, from a file or by name. waterbirds is a stand-in of Waterbirds, laid out as
the published data set. untrimmed has long films with events, for the downstream tasks.
"""

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

from albar_jax.terminal import flags
from albar_jax.terminal.escapes import shell_word, show

EXAMPLE = """  albar toy quickstart --out data/quickstart
  albar toy world camera --out data/camera
  albar toy world my_world.toml --out data/my_world --seed 1
  albar toy waterbirds --out data/waterbirds_stand_in
  albar toy untrimmed --out data/untrimmed"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the data sets as sub-commands of `albar toy`, with their options."""
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    _add_quickstart(names.add_parser("quickstart", help="short videos with a scenery bias"))
    _add_world(names.add_parser("world", help="short videos of a world that a file describes"))
    _add_waterbirds(names.add_parser("waterbirds", help="a small stand-in of Waterbirds"))
    _add_untrimmed(names.add_parser("untrimmed", help="long films with anomalies and segments"))


def bind(options: argparse.Namespace) -> Callable[[], None]:
    """Returns the function that generates a data set."""
    make = {
        "quickstart": _make_quickstart,
        "world": _make_world,
        "waterbirds": _make_waterbirds,
        "untrimmed": _make_untrimmed,
    }
    return functools.partial(make[options.name], options)


def _add_quickstart(command: flags.Parser) -> None:
    _add_common(command, "data/quickstart")
    command.add_count("--train", 1250, "number of training clips")
    command.add_count("--test", 320, "number of clips in each test set")
    _add_bias(command, "a training clip has the scenery of its action")


def _add_world(command: flags.Parser) -> None:
    command.add_argument(
        "world",
        type=flags.config,
        metavar="NAME|FILE",
        help="the name of a world, or a file that ends in .toml; a wrong name lists all names",
    )
    command.add_path("--out", "folder to make", required=True)
    command.add_seed()
    command.add_count("--train", None, "number of training clips; by default the world's own")
    command.add_count("--test", None, "number of clips in each test set; by default the world's")


def _add_waterbirds(command: flags.Parser) -> None:
    _add_common(command, "data/waterbirds_stand_in")
    command.add_jobs()


def _add_untrimmed(command: flags.Parser) -> None:
    _add_common(command, "data/untrimmed")
    command.add_count("--train", 64, "number of training films of each data set")
    command.add_count("--test", 64, "number of test films of each data set")
    _add_bias(command, "a training film has the scenery of its class")
    command.add_jobs()


def _add_bias(command: flags.Parser, event: str) -> None:
    command.add_argument(
        "--bias",
        type=float,
        default=0.85,
        metavar="P",
        help=f"probability that {event}; 0.125 is no bias",
    )


def _add_common(command: flags.Parser, out: str) -> None:
    command.add_path("--out", "folder to make", default=out)
    command.add_seed()


def _make_quickstart(options: argparse.Namespace) -> None:
    _make_clips(options, bias=options.bias)


def _make_world(options: argparse.Namespace) -> None:
    from albar_jax.toy.spec import read_spec

    _make_clips(options, spec=read_spec(options.world))


def _make_clips(options: argparse.Namespace, **world: Any) -> None:
    """Makes the clips of a world: the quickstart with a bias, or a specification."""
    from albar_jax.toy import quickstart

    began = time.perf_counter()
    is_new = quickstart.make(
        options.out,
        seed=options.seed,
        num_train=options.train,
        num_test=options.test,
        **world,
    )
    _show_made(options, is_new, began)


def _make_untrimmed(options: argparse.Namespace) -> None:
    from albar_jax.toy import untrimmed

    began = time.perf_counter()
    is_new = untrimmed.make(
        options.out,
        seed=options.seed,
        num_train=options.train,
        num_test=options.test,
        bias=options.bias,
        jobs=options.jobs,
    )
    _show_made(options, is_new, began)


def _show_made(options: argparse.Namespace, is_new: bool, began: float) -> None:
    if is_new:
        show(f"{options.out}: made in {time.perf_counter() - began:.1f} s")
    else:
        show(f"{options.out} already exists, nothing to do")


def _make_waterbirds(options: argparse.Namespace) -> None:
    from albar_jax.toy import waterbirds_stand_in

    waterbirds_stand_in.make(options.out, seed=options.seed, jobs=options.jobs)
    waterbirds_stand_in.write_manifests(options.out)

    manifest = shell_word(f"--config.data.manifest={options.out / 'manifest.csv'}")
    show(f"next: albar train --config waterbirds_stand_in {manifest} --workdir DIR")
