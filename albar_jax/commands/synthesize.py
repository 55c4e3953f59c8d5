"""Makes bias benchmarks of videos and masks.

Writes clips to OUT, their manifest to OUT.csv, and an image of some of them to OUT.png. Repeat the
command to resume. The same seed gives identical bytes, with any number of processes and shards.
"""

import argparse
import dataclasses
import functools
import re
import typing
from collections.abc import Callable

from albar_jax import masks
from albar_jax.data.manifest import read_manifest
from albar_jax.masks.rules import MaskRules
from albar_jax.synthesis import (
    afd,
    afd_set,
    conflicting,
    hat,
    leakage,
    presets,
    scuba,
    scufo,
    sets,
    waterbirds,
)
from albar_jax.synthesis.background_source import STRIPE, Fit, open_backgrounds
from albar_jax.synthesis.clip_writer import ClipFormat
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.hat import emptying
from albar_jax.synthesis.hat import sets as hat_sets
from albar_jax.synthesis.scuba import Scuba
from albar_jax.synthesis.shares import ACTOR, STILL
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show

EXAMPLE = """  albar synthesize scuba --manifest data/hmdb51/manifest.csv --split test \\
      --masks jhmdb:JHMDB --backgrounds places365_images --out data/hmdb51/scuba
  albar synthesize scufo --scuba data/hmdb51/scuba.csv --out data/hmdb51/scufo"""

_RULES = {
    "smooth_frames": "a pixel belongs to the actor if it is in any mask up to N frames away",
    "min_area": "minimum share of a frame that a valid mask covers, 0 to 1",
    "min_valid_share": "minimum share of valid frames, 0 to 1; other videos are left out",
    "dilate": "number of pixels by which masks are widened",
    "missing": "frames without a mask are left out, are background only, or have the mask before",
}
_METAVARS = {int: "N", float: "SHARE"}


def add_arguments(parser: flags.Parser) -> None:
    """Adds the kinds of sets as sub-commands of `albar synthesize`, with their options."""
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    work = (_add_form, _add_work)
    mask_groups = (_add_scuba, _add_recorded_masks)
    preset_groups = (
        *(_add_preset, _add_videos, _add_masks),
        *(_add_preset_backgrounds, _add_true_masks, _add_still),
    )
    for name, module, groups in (
        ("scuba", scuba, (_add_videos, _add_masks, _add_backgrounds, _add_rules, *work)),
        ("scufo", scufo, (*mask_groups, _add_frames, _add_work)),
        ("conflfg", conflicting, (*mask_groups, _add_still, *work)),
        ("hat", hat, (_add_videos, _add_masks, _add_hat, _add_true_masks, _add_rules, *work)),
        ("afd", afd, (_add_videos, _add_noise, _add_work)),
        ("preset", presets, (*preset_groups, *work)),
        ("leakage", leakage, (*mask_groups, _add_true_masks, flags.Parser.add_jobs)),
        ("waterbirds", waterbirds, (_add_birds, _add_work)),
    ):
        # `python -OO` removes docstrings.
        description = module.__doc__ or ""
        first_line = description.partition("\n")[0]
        if module not in (afd, waterbirds):
            description += f"\n{masks.__doc__}"
        command = commands.add_parser(name, help=first_line, description=description)
        for add_group in groups:
            add_group(command)


def bind(options: argparse.Namespace) -> Callable[[], None]:
    """Returns the function that makes a set."""
    makers = {
        "scuba": _scuba,
        "scufo": _scufo,
        "conflfg": _conflfg,
        "hat": _hat,
        "afd": _afd,
        "preset": _preset,
        "leakage": _leakage,
        "waterbirds": _waterbirds,
    }
    return functools.partial(makers[options.command], options)


def _scuba(args: argparse.Namespace) -> None:
    foregrounds = Foregrounds(args.masks, _rules(args), str(args.out.parent))
    maker = Scuba(foregrounds, open_backgrounds(args.backgrounds), args.seed, args.fit, args.form)
    videos = read_manifest(args.manifest, split=args.split)
    clips = sets.scuba(videos, maker, args.copies, _target(args))
    show(*clips.summary(), *foregrounds.notes())


def _scufo(args: argparse.Namespace) -> None:
    options = {"masks": args.masks, "seed": args.seed, "min_area": args.min_area}
    show(*sets.scufo(args.scuba, _target(args), **options).summary())


def _conflfg(args: argparse.Namespace) -> None:
    options = {
        "masks": args.masks,
        "seed": args.seed,
        "form": args.form,
        "min_visible": args.min_visible,
    }
    show(*sets.conflfg(args.scuba, _target(args), **options).summary())


def _afd(args: argparse.Namespace) -> None:
    maker = afd.AppearanceFree(args.seed, args.noise, args.grain)
    videos = read_manifest(args.manifest, split=args.split)
    show(*afd_set.make(videos, maker, _target(args)).summary())


def _leakage(args: argparse.Namespace) -> None:
    show(*sets.leakage(args.scuba, masks=args.masks, true_masks=args.true_masks, jobs=args.jobs))


def _hat(args: argparse.Namespace) -> None:
    folder = str(args.out.parent)
    foregrounds = Foregrounds(args.masks, _rules(args), folder)
    true = Foregrounds(args.true_masks, folder=folder) if args.true_masks else None
    names = {field.name for field in dataclasses.fields(hat_sets.Options)} - {"foregrounds", "true"}
    order = hat_sets.Options(
        foregrounds=foregrounds, true=true, **{name: getattr(args, name) for name in names}
    )
    hat_sets.make(read_manifest(args.manifest, split=args.split), order, show)
    show(*foregrounds.notes())


def _preset(args: argparse.Namespace) -> None:
    names = {field.name for field in dataclasses.fields(presets.PresetOptions)} - {"backgrounds"}
    order = presets.PresetOptions(
        **{name: getattr(args, name) for name in names}, backgrounds=dict(args.backgrounds)
    )
    presets.make(presets.PRESETS[args.name], order, show)


def _waterbirds(args: argparse.Namespace) -> None:
    sources = waterbirds.Sources(args.cub, args.segmentations, args.places)
    options = {"seed": args.seed, "metadata": args.metadata, "jobs": args.jobs, "shard": args.shard}
    show(*waterbirds.make(sources, args.out, **options))


def _rules(args: argparse.Namespace) -> MaskRules:
    return MaskRules(
        **{field.name: getattr(args, field.name) for field in dataclasses.fields(MaskRules)}
    )


def _target(args: argparse.Namespace) -> sets.Target:
    # Not with_suffix: the name of a folder may have a dot.
    manifest = args.out.with_name(f"{args.out.name}.csv")
    return sets.Target(args.out, manifest, args.jobs, args.shard)


def _add_videos(command: flags.Parser) -> None:
    command.add_path("--manifest", "manifest of the videos", metavar="FILE", required=True)
    command.add_argument(
        "--split",
        metavar="NAME",
        help="split to use; without it, all videos, or the split of the preset",
    )


def _add_masks(command: flags.Parser) -> None:
    command.add_argument(
        "--masks",
        type=flags.spec,
        required=True,
        metavar="SPEC",
        help="masks of the actors, see above",
    )


def _add_recorded_masks(command: flags.Parser) -> None:
    command.add_argument(
        "--masks",
        type=flags.spec,
        metavar="SPEC",
        help="masks of the SCUBA clips, if the files have moved",
    )


def _add_true_masks(command: flags.Parser) -> None:
    command.add_argument(
        "--true-masks",
        type=flags.spec,
        metavar="SPEC",
        help="accurate pixel masks, against which --masks are measured",
    )


def _add_scuba(command: flags.Parser) -> None:
    command.add_path("--scuba", "manifest of the SCUBA clips", metavar="FILE", required=True)


def _add_frames(command: flags.Parser) -> None:
    choice = command.add_mutually_exclusive_group()
    choice.add_argument(
        "--min-area",
        type=float,
        default=ACTOR,
        metavar="SHARE",
        help="minimum share of a still that shows its actor, 0 to 1",
    )
    choice.add_argument(
        "--as-published",
        dest="min_area",
        action="store_const",
        const=0.0,
        help="draw stills from all frames, with or without an actor",
    )


def _add_still(command: flags.Parser) -> None:
    command.add_argument(
        "--min-visible",
        type=float,
        default=STILL,
        metavar="SHARE",
        help="minimum share of the frame that shows the still foreground, averaged over the "
        "clip, 0 to 1",
    )


def _add_backgrounds(command: flags.Parser) -> None:
    command.add_argument(
        "--backgrounds",
        type=flags.spec,
        required=True,
        metavar="stripe|DIR",
        help="stripes, or a folder of images",
    )
    command.add_argument(
        "--copies",
        type=int,
        default=1,
        metavar="N",
        help="number of clips per video",
    )
    _add_fit(command)


def _add_fit(command: flags.Parser) -> None:
    command.add_argument(
        "--fit",
        choices=typing.get_args(Fit),
        default="published",
        help="how backgrounds get the size of frames: stretched, as published, or cropped",
    )


def _add_rules(command: flags.Parser) -> None:
    for field in dataclasses.fields(MaskRules):
        choices = typing.get_args(field.type) or None
        command.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default),
            choices=choices,
            default=field.default,
            metavar=None if choices else _METAVARS[type(field.default)],
            help=_RULES[field.name],
        )


def _add_hat(command: flags.Parser) -> None:
    command.add_argument(
        "--sets",
        nargs="+",
        choices=hat_sets.SETS,
        default=hat_sets.SETS,
        help="sets to make",
    )
    command.add_argument(
        "--widen",
        type=int,
        default=emptying.WIDEN,
        metavar="N",
        help="number of pixels by which a person is widened before it is removed from its scene",
    )
    command.add_argument(
        "--copies", type=int, default=1, metavar="N", help="number of swaps of each kind per video"
    )
    command.add_path(
        "--scenes",
        "manifest of videos without persons, which replace the emptied ones",
        metavar="FILE",
    )
    command.add_path(
        "--pairs",
        "table of given swaps, set,id,copy,scene; by default they are drawn",
        metavar="FILE",
    )
    command.add_argument(
        "--color",
        type=_level,
        nargs=3,
        metavar=("R", "G", "B"),
        help="background of the human-only clips, 0 to 255, instead of the mean color",
    )


def _level(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or int(text) > 255:
        raise argparse.ArgumentTypeError(f"{text!r} is not a color value from 0 to 255")
    return int(text)


def _add_preset(command: flags.Parser) -> None:
    command.add_argument(
        "name", choices=presets.PRESETS, help="data set whose published sets are made"
    )
    command.add_path(
        "--videos",
        "folder of the videos by id, instead of the paths of the manifest (frames of JHMDB)",
    )
    command.add_argument("--hat", action="store_true", help="make HAT's sets, too")


def _add_preset_backgrounds(command: flags.Parser) -> None:
    command.add_argument(
        "--backgrounds",
        type=_named_folder,
        nargs="*",
        default=[],
        metavar="NAME=DIR",
        help="folders of images: places365=DIR, vqgan=DIR; stripes need none",
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


def _add_noise(command: flags.Parser) -> None:
    command.add_argument(
        "--noise",
        choices=typing.get_args(afd.Noise),
        default="gray",
        help="noise in gray or in color",
    )
    command.add_argument(
        "--grain",
        type=int,
        metavar="PIXELS",
        help="height and width of a grain of noise; by default the shorter side of a frame divided "
        "by 240, at least 1",
    )


def _add_form(command: flags.Parser) -> None:
    command.add_argument(
        "--format",
        dest="form",
        choices=typing.get_args(ClipFormat),
        default="zip",
        help="zip archives of JPEG frames, which ALBAR reads, or H.264 without visible loss",
    )


def _add_birds(command: flags.Parser) -> None:
    for flag, help in (
        ("--cub", "CUB_200_2011: images, images.txt, train_test_split.txt"),
        ("--segmentations", "segmentations of CUB, a folder for each species"),
        (
            "--places",
            "data_large of Places365: b/bamboo_forest, f/forest/broadleaf, o/ocean, l/lake/natural",
        ),
    ):
        command.add_path(flag, help, required=True)
    command.add_path("--metadata", "metadata.csv of the images to make", metavar="FILE")


def _add_work(command: flags.Parser) -> None:
    command.add_path("--out", "folder to make", required=True)
    command.add_seed()
    command.add_argument(
        "--shard",
        type=_shard,
        default="1/1",
        metavar="i/n",
        help="make only shard i of n",
    )
    command.add_jobs()


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a shard; write i/n, as in 1/4 for the first of four"
        )
    return int(match[1]), int(match[2])
