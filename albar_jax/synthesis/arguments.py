"""The command line of `python -m albar_jax.synthesis`."""

import argparse
import dataclasses
import os
import re
import typing

from albar_jax import masks
from albar_jax.masks.rules import MaskRules
from albar_jax.synthesis import conflicting, leakage, presets, scuba, scufo, waterbirds
from albar_jax.synthesis.background_source import STRIPE, Fit
from albar_jax.synthesis.clip_writer import ClipFormat
from albar_jax.synthesis.shares import ACTOR, STILL
from albar_jax.terminal import flags

_DESCRIPTION = """Makes bias benchmarks of any videos and masks.

Clips are written to OUT, their manifest to OUT.csv and a picture of some of them to OUT.png. The same command goes on
where it was interrupted. The same seed makes the same bytes, with any number of processes and shards."""

_RULES = {
    "smooth_frames": "a pixel is the actor's if it is in any mask up to N frames away",
    "min_area": "share of a frame that a valid mask covers",
    "min_valid_share": "share of valid frames below which a video is left out",
    "dilate": "pixels by which masks are widened",
    "missing": "frames without a mask are left out, are background only, or have the mask before",
}


def parser() -> argparse.ArgumentParser:
    """Returns the parser; `command` is the name of the command that was given."""
    top = flags.Parser(
        prog="python -m albar_jax.synthesis",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module, *groups in (
        ("scuba", scuba, _add_videos, _add_masks, _add_backgrounds, _add_rules, _add_form, _add_work),
        ("scufo", scufo, _add_scuba, _add_recorded_masks, _add_frames, _add_work),
        ("conflfg", conflicting, _add_scuba, _add_recorded_masks, _add_still, _add_form, _add_work),
        ("preset", presets, _add_preset, _add_videos, _add_masks, _add_preset_backgrounds, _add_true_masks, _add_still,
         _add_form, _add_work),
        ("leakage", leakage, _add_scuba, _add_recorded_masks, _add_true_masks, _add_jobs),
        ("waterbirds", waterbirds, _add_birds, _add_work),
    ):  # fmt: skip
        command = commands.add_parser(
            name,
            help=module.__doc__.splitlines()[0],
            description=module.__doc__ + (f"\n{masks.__doc__}" if name != "waterbirds" else ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for add_group in groups:
            add_group(command)
    return top


def _add_videos(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--manifest", type=flags.path, required=True, metavar="FILE", help="of the videos"
    )
    command.add_argument(
        "--split", metavar="NAME", help="of the manifest (default: all videos, or the preset's)"
    )


def _add_masks(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--masks",
        type=flags.spec,
        required=True,
        metavar="SPEC",
        help="where the actors are, see above",
    )


def _add_recorded_masks(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--masks",
        type=flags.spec,
        metavar="SPEC",
        help="masks of the SCUBA clips, if they have moved",
    )


def _add_true_masks(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--true-masks",
        type=flags.spec,
        metavar="SPEC",
        help="pixel masks, to measure what --masks leave over",
    )


def _add_scuba(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scuba",
        type=flags.path,
        required=True,
        metavar="FILE",
        help="manifest of the SCUBA clips",
    )


def _add_frames(command: argparse.ArgumentParser) -> None:
    choice = command.add_mutually_exclusive_group()
    choice.add_argument(
        "--min-area",
        type=float,
        default=ACTOR,
        metavar="N",
        help="minimum share of a still that shows its actor, 0 to 1 (default: %(default)s)",
    )
    choice.add_argument(
        "--as-published",
        dest="min_area",
        action="store_const",
        const=0.0,
        help="draw stills from all frames, with or without an actor",
    )


def _add_still(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--min-visible",
        type=float,
        default=STILL,
        metavar="N",
        help="minimum share of the picture, 0 to 1, that shows the still foreground, averaged over the clip "
        "(default: %(default)s)",
    )


def _add_backgrounds(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backgrounds",
        type=flags.spec,
        required=True,
        metavar="stripe|DIR",
        help="stripes, or a folder of pictures",
    )
    command.add_argument(
        "--copies",
        type=int,
        default=1,
        metavar="N",
        help="clips of each video (default: %(default)s)",
    )
    _add_fit(command)


def _add_fit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--fit",
        choices=typing.get_args(Fit),
        default="published",
        help="how pictures get the size of frames: stretched, as published, or cut to it (default: %(default)s)",
    )


def _add_rules(command: argparse.ArgumentParser) -> None:
    for field in dataclasses.fields(MaskRules):
        choices = typing.get_args(field.type) or None
        command.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default),
            choices=choices,
            default=field.default,
            metavar=None if choices else "N",
            help=f"{_RULES[field.name]} (default: %(default)s)",
        )


def _add_preset(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", choices=presets.PRESETS)
    command.add_argument(
        "--videos",
        type=flags.path,
        metavar="DIR",
        help="take <id> from here, not from the manifest's paths (JHMDB's frames)",
    )


def _add_preset_backgrounds(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backgrounds",
        type=_named_folder,
        nargs="*",
        default=[],
        metavar="NAME=DIR",
        help="folders of pictures: places365=DIR, vqgan=DIR; stripes need none",
    )
    _add_fit(command)


def _named_folder(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    names = [known for known in presets.BACKGROUNDS if known != STRIPE]
    if name not in names or not folder:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {' or '.join(f'{known}=DIR' for known in names)}"
        )
    return name, str(flags.path(folder))


def _add_form(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--format",
        dest="form",
        choices=typing.get_args(ClipFormat),
        default="zip",
        help="archives of JPEGs, as ALBAR reads them, or H.264 without visible loss (default: %(default)s)",
    )


def _add_birds(command: argparse.ArgumentParser) -> None:
    for flag, what in (
        ("--cub", "CUB_200_2011: images, images.txt, train_test_split.txt"),
        ("--segmentations", "those of CUB, a folder for each species"),
        (
            "--places",
            "data_large of Places365: b/bamboo_forest, f/forest/broadleaf, o/ocean, l/lake/natural",
        ),
    ):
        command.add_argument(flag, type=flags.path, required=True, metavar="DIR", help=what)
    command.add_argument(
        "--metadata", type=flags.path, metavar="FILE", help="a metadata.csv that says what to make"
    )


def _add_work(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", type=flags.path, required=True, metavar="DIR", help="folder to make"
    )
    command.add_argument(
        "--seed",
        type=flags.seed,
        default=0,
        metavar="N",
        help="random seed, 0 to 2^32 - 1 (default: %(default)s)",
    )
    command.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="i/n",
        help="make the i-th of n parts only (default: 1/1)",
    )
    _add_jobs(command)


def _add_jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs",
        type=flags.count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: %(default)s)",
    )


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not such as 1/4, the first of four parts")
    return int(match[1]), int(match[2])
