"""Says what a trained model sees in videos, and whether it needs their motion.

VIDEO is a film, a folder of frames, a folder of videos, or a pattern in quotes. Labels are not
needed. For each video it prints the best classes of the clip that `albar evaluate` would test, next
to the best classes of its motionless copy. A video longer than a clip also gets a time line.
"""

import argparse
import functools
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags, model_options

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
    model_options.add_run(parser, "use")
    model_options.add_weights(parser)
    parser.add_config(
        "with --weights: the experiment; with --workdir: test views (clips and crops of a video) "
        "and decoder that replace the run's"
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
    choice = model_options.choose_one(options)
    if options.page and options.out is None:
        raise UserError("--page needs --out DIR, the folder of the page")
    if not options.page:
        flags.refuse_unused(options, ["--attributions"], "without --page")

    # These modules import JAX.
    from albar_jax.config import used_fields
    from albar_jax.train.signals import StopRequest
    from albar_jax.wiring import chosen_models, program, run_predict, trained_models

    def predict() -> int:
        program.keep_compiled()
        (model,) = chosen_models.load_chosen(
            choice,
            replaced=used_fields.PREDICT,
            # The static frame of ALBAR is a field of the method.
            needed=(*used_fields.WEIGHTS, *used_fields.CLASSES, "methods"),
            of_weights=functools.partial(trained_models.from_weights, checks_manifest=False),
        )

        out = None if options.out is None else str(options.out)
        names = [str(video) for video in options.videos]
        with StopRequest() as stop, stop.interrupting():
            run_predict.run(
                model,
                names,
                hop=options.hop,
                out=out,
                page=options.page,
                num_explained=options.attributions,
            )
        return stop.status

    return lambda: program.run(predict)
