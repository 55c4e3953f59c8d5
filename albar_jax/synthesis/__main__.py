"""Makes bias benchmarks of any videos and masks: `python -m albar_jax.synthesis scuba --manifest M --masks SPEC ...`.

scuba      the actors of videos before other backgrounds
scufo      one frame of each SCUBA clip
conflfg    SCUBA clips in which somebody of another action stands still
preset     all published sets of a data set
leakage    how much of the true background survives in SCUBA clips
waterbirds birds of CUB before scenery of Places, and the scenery alone

Clips are written to OUT, their manifest to OUT.csv and a picture of some of them to OUT.png. The same command goes on
where it was interrupted. The same seed makes the same bytes, with any number of processes and shards.
"""

import argparse
import dataclasses
from collections.abc import Sequence

from albar_jax.data.manifest import read_manifest
from albar_jax.errors import exit_status, leave
from albar_jax.masks.rules import MaskRules
from albar_jax.synthesis import presets, sets, waterbirds
from albar_jax.synthesis.arguments import parser
from albar_jax.synthesis.background_source import open_backgrounds
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.scuba import Scuba
from albar_jax.terminal.escapes import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 2 after a user's mistake."""
    args = parser().parse_args(arguments)
    return exit_status(lambda: COMMANDS[args.command](args))


def _scuba(args: argparse.Namespace) -> None:
    rules = MaskRules(
        **{field.name: getattr(args, field.name) for field in dataclasses.fields(MaskRules)}
    )
    foregrounds = Foregrounds(args.masks, rules, str(args.out.parent))
    maker = Scuba(foregrounds, open_backgrounds(args.backgrounds), args.seed, args.fit, args.form)
    made = sets.scuba(
        read_manifest(args.manifest, split=args.split), maker, args.copies, _target(args)
    )
    show(*made.summary(), *foregrounds.notes())


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


def _leakage(args: argparse.Namespace) -> None:
    show(*sets.leakage(args.scuba, masks=args.masks, true_masks=args.true_masks, jobs=args.jobs))


def _preset(args: argparse.Namespace) -> None:
    names = {field.name for field in dataclasses.fields(presets.PresetOptions)} - {"backgrounds"}
    order = presets.PresetOptions(
        **{name: getattr(args, name) for name in names}, backgrounds=dict(args.backgrounds)
    )
    presets.make(presets.PRESETS[args.name], order, print)


def _waterbirds(args: argparse.Namespace) -> None:
    sources = waterbirds.Sources(args.cub, args.segmentations, args.places)
    options = {"seed": args.seed, "metadata": args.metadata, "jobs": args.jobs, "shard": args.shard}
    show(*waterbirds.make(sources, args.out, **options))


def _target(args: argparse.Namespace) -> sets.Target:
    # Not with_suffix: a folder's name may have a dot.
    manifest = args.out.with_name(f"{args.out.name}.csv")
    return sets.Target(args.out, manifest, args.jobs, args.shard)


COMMANDS = {
    "scuba": _scuba,
    "scufo": _scufo,
    "conflfg": _conflfg,
    "preset": _preset,
    "leakage": _leakage,
    "waterbirds": _waterbirds,
}

if __name__ == "__main__":
    leave(main)
