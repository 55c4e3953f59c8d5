"""Makes the bank of stills of StillMix, chosen by a network that is trained on single frames.

Trains the network, scores the frames of the training videos, and writes stills.csv next to
the manifest. The paper uses --low 0.1 for HMDB51 and 0.5 for UCF101 and Kinetics-400, and scores
every 20th frame of Kinetics-400. Repeat the command to resume. Other values of --low and --high
need no new scores.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = (
    "  albar reference-net --config hmdb51 --model swin2d_tiny --workdir runs/hmdb51/reference"
)


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar reference-net`."""
    parser.add_config("config of the training videos; changed fields apply to the network's config")
    parser.add_argument(
        "--model",
        default="swin2d_tiny",
        metavar="NAME",
        help="network: resnet50, resnet18, swin2d_tiny, or for tiny images micro2d, resnet_micro",
    )
    parser.add_path("--workdir", "folder for checkpoints, logs and scores")
    parser.add_path(
        "--out",
        "CSV to write, path,frame,p_label,p_max; default: stills.csv next to the manifest",
        metavar="FILE",
    )
    parser.add_argument(
        "--low",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of the frames, 0 to 1, that is left out because they look least like an action",
    )
    parser.add_argument(
        "--high",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="quantile of the frames, 0 to 1, above which they are left out: most like an action",
    )
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="score the frames 0, N, 2N, ... of a video",
    )


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that trains and scores a reference network and writes the bank."""
    if options.workdir is None:
        raise UserError(
            "--workdir is missing; name a folder for the network, as in --workdir runs/reference"
        )
    # These modules import JAX.
    from albar_jax.config.config_files import load_with_changes
    from albar_jax.wiring import program, run_reference_net

    given, changes = load_with_changes(options.config, options.changes)

    def make_bank() -> int:
        config = run_reference_net.reference_config(given, options.model, changes)
        program.keep_compiled()
        out = None if options.out is None else str(options.out)
        return run_reference_net.run(
            config,
            str(options.workdir),
            out,
            low=options.low,
            high=options.high,
            every=options.every,
        )

    return lambda: program.run(make_bank)
