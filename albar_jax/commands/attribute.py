"""Explains the answers of trained models for single clips: which pixels, appearance or motion.

Integrated gradients attribute the score of a class to pixels. They sum to the score of the clip
minus the score of a baseline, such as a black clip; the remaining error is printed. By default
there are two baselines in a row: a black clip, then one frame, repeated. They split the score into
appearance and motion. `--method cam` is the exact class-activation map. It is coarse and needs one
forward pass.

Writes a picture and an .npz file for each clip, attribution.csv and attribution.html. Each clip is
written as it is finished; to resume an interrupted command, repeat it.
"""

import argparse
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.evaluation.changed_answers import WRONG_TO_RIGHT
from albar_jax.terminal import flags, model_options

EXAMPLE = """  albar attribute --workdir ce --workdir albar --clips wrong-to-right --out figure3
  albar attribute --workdir albar --clips kick_001 --baseline static --out kick"""


# The same names as in `attribution.baselines` and `attribution.scores`, which need JAX.
BASELINES = ("legs", "black", "mean", "blur", "static", "temporal_mean")
SCORES = ("logit", "log_probability", "probability", "centred_logit")


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar attribute`."""
    model_options.add_run(parser, "explain", several=True)
    parser.add_config("test sets and views that replace those of the runs")
    parser.add_path("--out", "folder for the results")
    _add_clips(parser)
    _add_method(parser)
    _add_style(parser)


def _add_clips(parser: flags.Parser) -> None:
    group = parser.add_argument_group("clips")
    group.add_argument(
        "--clips",
        action="append",
        default=[],
        metavar="ID",
        help="id of a clip; can be repeated. `wrong-to-right` chooses clips that the first run "
        "misses and the second does not",
    )
    group.add_argument(
        "--count",
        type=flags.count,
        default=4,
        metavar="N",
        help="largest number of clips that wrong-to-right chooses",
    )
    group.add_argument("--task", metavar="NAME", help="test set; default: the test split")
    group.add_argument(
        "--evaluation",
        type=flags.path,
        metavar="DIR",
        help="folder of `albar evaluate` with the runs' predictions; default: predict again",
    )
    group.add_argument(
        "--target",
        default="predicted",
        metavar="CLASS",
        help="class to explain: the predicted one of each run, the label, or the name of a class",
    )


def _add_method(parser: flags.Parser) -> None:
    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        choices=("ig", "cam"),
        default="ig",
        help="integrated gradients, or class-activation map",
    )
    group.add_argument(
        "--baseline",
        choices=BASELINES,
        default="legs",
        metavar="NAME",
        help="start of integrated gradients: black, mean, blur, static, temporal_mean, or legs, "
        "which runs black -> static -> clip",
    )
    group.add_argument(
        "--steps", type=flags.count, default=50, metavar="N", help="points between the ends"
    )
    group.add_argument(
        "--rule", default="gauss_legendre", metavar="NAME", help="gauss_legendre or midpoint"
    )
    group.add_argument(
        "--score",
        choices=SCORES,
        default="logit",
        metavar="NAME",
        help="score of the class: logit, log_probability, centred_logit (minus the mean logit), or "
        "probability",
    )
    group.add_argument(
        "--chunk",
        type=flags.count,
        default=8,
        metavar="N",
        help="largest number of points at once; fewer need less memory",
    )


def _add_style(parser: flags.Parser) -> None:
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--show",
        choices=("positive", "absolute", "signed"),
        default="positive",
        help="values to draw",
    )
    group.add_argument(
        "--smooth",
        choices=("patch", "blur", "none"),
        default="patch",
        help="smoothing for display; the arrays are not smoothed",
    )
    group.add_argument(
        "--scale",
        choices=("model", "all"),
        default="model",
        help="one scale for the maps of each run and clip, or for all",
    )


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that explains clips."""
    if not options.workdir:
        raise UserError("--workdir is missing; name the folder of a run, as in --workdir runs/ce")
    if not options.clips:
        raise UserError("--clips is missing; give the id of a clip, or wrong-to-right")
    if options.out is None:
        raise UserError("--out is missing; name a folder for the results, as in --out runs/figure3")
    _refuse_unused(options)
    choice = model_options.choose(options)

    # These modules import JAX.
    from albar_jax.attribution.explain import Options
    from albar_jax.config import used_fields
    from albar_jax.report.attribution_pictures import Style
    from albar_jax.wiring import attributed_clips, chosen_models, program, run_attribute

    quality = Options(options.steps, options.rule, options.score, options.chunk)
    style = Style(options.show, options.smooth, options.scale)
    request = run_attribute.Request(
        options.method, options.baseline, options.target, quality, style
    )
    clips = attributed_clips.Choice(
        tuple(options.clips), options.task, options.count, options.evaluation
    )

    def attribute() -> int:
        program.keep_compiled()
        models = chosen_models.load_chosen(choice, replaced=used_fields.ATTRIBUTE)
        return run_attribute.run(models, clips, request, str(options.out))

    return lambda: program.run(attribute)


def _refuse_unused(options: flags.Namespace) -> None:
    """Raises UserError for options that the chosen clips or the chosen method would ignore."""
    if options.method == "cam":
        # The map explains the logit. But `--score` is the score of the table's two parts.
        integration = ("--baseline", "--steps", "--rule", "--chunk")
        flags.refuse_unused(options, integration, "with --method cam")
    if WRONG_TO_RIGHT not in options.clips:
        reason = f"on ids of clips, only on --clips {WRONG_TO_RIGHT}"
        flags.refuse_unused(options, ("--count", "--evaluation"), reason)
    elif set(options.clips) != {WRONG_TO_RIGHT}:
        raise UserError(f"--clips {WRONG_TO_RIGHT} chooses the clips; leave out the other --clips")
