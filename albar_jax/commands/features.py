"""Extracts the pooled features of videos of any length.

A film is cut into windows, which the network pools to one row of features each. Every film is read
once. To resume an interrupted command, repeat it: finished videos are kept.
"""

import argparse
import os
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.features.layouts import LAYOUTS
from albar_jax.features.windows import PRESETS
from albar_jax.terminal import flags, model_options

EXAMPLE = """  albar features --workdir runs/hmdb51/albar --videos films/ --out features
  albar features --workdir runs/hmdb51/albar --videos data/ucf_crime/manifest.csv --layout mgfn \\
    --out features/ucf_crime
  albar features --weights albar.safetensors --config hmdb51 --videos 'films/*.mp4' --hop 8 \\
    --out features"""

# More decoders than this seldom help one device.
_MOST_THREADS = 8


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar features`."""
    model_options.add_run(parser, "use")
    model_options.add_weights(parser)
    parser.add_config(
        "with --weights: the experiment; with --workdir: short side of the pictures and decoder "
        "that replace the run's"
    )
    parser.add_argument(
        "--videos",
        type=flags.path,
        nargs="+",
        default=[],
        metavar="VIDEO",
        help="a manifest (.csv), or films, folders and patterns in quotes",
    )
    parser.add_path("--out", "folder for the features")
    _add_windows(parser)
    _add_pictures(parser)
    flags.add_processes(parser)


def _add_windows(parser: flags.Parser) -> None:
    titles = [f"{name}: {kind.title}" for name, kind in LAYOUTS.items()]
    group = parser.add_argument_group("windows")
    group.add_argument(
        "--layout",
        choices=list(LAYOUTS),
        default="plain",
        help=f"files to write; {'; '.join(titles)}",
    )
    group.add_argument(
        "--preset",
        choices=list(PRESETS),
        default="dense",
        help="dense: the clips of the model, centred, close to each other; author: 16 frames at "
        "stride 1, side by side; span: the clips of the model, side by side",
    )
    for option, help in (
        ("--frames", "frames of a window"),
        ("--stride", "distance between two frames of a window, in frames of the film"),
        ("--hop", "distance between two windows, in frames of the film"),
    ):
        help += " (default: by the preset)"
        group.add_argument(option, type=flags.count, metavar="N", help=help)
    group.add_argument(
        "--segments",
        action="store_true",
        help="with --layout mgfn: cut each training video into 32 segments, for MGFN's own "
        "option --preprocessed",
    )


def _add_pictures(parser: flags.Parser) -> None:
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--crops",
        type=int,
        choices=[1, 3, 10],
        default=1,
        help="crops of a window: the centre; three along the long side; or four corners and the "
        "centre, and these mirrored",
    )
    for option, help in (
        ("--short-side", "length of the short side before the crop, in pixels"),
        ("--size", "height and width of a crop, in pixels"),
    ):
        help += " (default: as the model is tested)"
        group.add_argument(option, type=flags.count, metavar="N", help=help)
    group.add_argument(
        "--batch-size",
        type=flags.count,
        metavar="N",
        help="clips in a batch on each device (default: 8, or 1 on a CPU)",
    )
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    parser.add_count("--threads", threads, "films to decode at the same time")


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that extracts features."""
    choice = model_options.choose_one(options)
    if not options.videos:
        raise UserError(
            "--videos is missing; name a manifest, films, folders, or a pattern in quotes"
        )
    if options.out is None:
        raise UserError("--out is missing; name a folder, as in --out features")

    # These modules import JAX.
    from albar_jax.config import used_fields
    from albar_jax.parallel import hosts
    from albar_jax.wiring import chosen_models, program, run_features, trained_models

    chosen = run_features.FeatureOptions(
        videos=[str(video) for video in options.videos],
        layout=options.layout,
        preset=options.preset,
        out=str(options.out),
        frames=options.frames,
        stride=options.stride,
        hop=options.hop,
        crops=options.crops,
        short_side=options.short_side,
        size=options.size,
        batch_size=options.batch_size,
        threads=options.threads,
        segments=options.segments,
    )

    def features() -> int:
        program.keep_compiled()
        hosts.join(options.coordinator, options.processes, options.process)

        # After joining: a config that one process cannot read then ends all of them.
        (model,) = chosen_models.load_chosen(
            choice,
            replaced=used_fields.FEATURES,
            needed=(*used_fields.WEIGHTS, *used_fields.NAMES),
            of_weights=trained_models.encoder_from_weights,
        )
        return run_features.run(model, chosen)

    return lambda: program.run(features)
