"""Says what a trained model sees in videos, and whether it needs their motion.

VIDEO is a film, a folder of frames, a folder of videos, or a pattern in quotes. Labels are not
needed. For each video it prints the best classes of the clip that `albar evaluate` would test, next
to the best classes of its motionless copy. A video longer than a clip also gets a time line.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar predict --workdir runs/hmdb51/albar my_video.mp4
  albar predict --workdir runs/hmdb51/albar 'films/*.mkv' --hop 16 --out predictions --page
  albar predict --weights albar.safetensors --config hmdb51 clips/"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar predict`."""
    parser.add_argument(
        "videos",
        type=flags.path,
        nargs="*",
        metavar="VIDEO",
        help="film, folder of frames, folder of videos, or pattern; several can be named",
    )
    parser.add_path("--workdir", "folder of a training run")
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="NAME",
        help="checkpoint to use: best (by validation), last, or a step",
    )
    parser.add_argument(
        "--weights",
        type=flags.spec,
        metavar="SOURCE",
        help="weights instead of --workdir: a file, a folder, or torchvision:NAME",
    )
    parser.add_config(
        "with --weights: the experiment; with --workdir: views and decoder that replace those of "
        "the run"
    )
    parser.add_argument(
        "--hop",
        type=flags.count,
        metavar="N",
        help="frames between two windows of a long video (default: half of the span of a clip)",
    )
    parser.add_path("--out", "folder for CSV files, JSON lines and pictures")
    parser.add_argument(
        "--page", action="store_true", help="also write predict.html, a page with frames, to --out"
    )
    parser.add_argument(
        "--attributions",
        type=_count_or_none,
        default=4,
        metavar="N",
        help="videos on the page whose answers are explained by pixels, 0 for none; a video takes "
        "hundreds of passes",
    )


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else flags.count(text)


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that predicts videos."""
    if not options.videos:
        raise UserError("name at least one video, a folder of videos, or a pattern in quotes")
    if bool(options.workdir) == bool(options.weights):
        raise UserError("say which model: either --workdir DIR, or --weights W --config C")
    if options.page and options.out is None:
        raise UserError("--page needs --out DIR, the folder of the page")

    # These modules import JAX.
    from albar_jax.config.config_files import load
    from albar_jax.wiring import program, run_predict, trained_models

    def predict() -> None:
        program.keep_compiled()
        config = None
        if options.config is not None or options.weights:
            config = load(options.config, options.changes)
        if options.weights:
            model = trained_models.from_weights(options.weights, config, checks_manifest=False)
        else:
            model = trained_models.from_workdir(str(options.workdir), options.checkpoint, config)

        out = None if options.out is None else str(options.out)
        names = [str(video) for video in options.videos]
        run_predict.run(
            model,
            names,
            hop=options.hop,
            out=out,
            page=options.page,
            num_explained=options.attributions,
        )

    return lambda: program.run(predict)
