"""Trains and evaluates the heads of downstream tasks on the features of an encoder.

MGFN detects anomalies (UCF-Crime), TriDet localises actions (THUMOS14). `albar features` makes the
features, `albar prepare ucf_crime` and `albar prepare thumos14` the annotations.
"""

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.recipes import RECIPES, Option, list_options, make_recipe
from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar downstream train --head mgfn --features features/ucf_crime/albar \\
    --annotations data/ucf_crime/manifest.csv --workdir runs/ucf_crime/albar
  albar downstream evaluate --workdir runs/ucf_crime/albar --out runs/ucf_crime/evaluation
  albar downstream export --workdir runs/ucf_crime/albar --out mgfn.safetensors"""


def add_arguments(parser: flags.Parser) -> None:
    """Adds the actions as sub-commands of `albar downstream`, with their options."""
    names = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (summary, description, add) in _ACTIONS.items():
        add(names.add_parser(name, help=summary, description=description))


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that trains, evaluates or exports heads."""
    return {"train": _bind_train, "evaluate": _bind_evaluate, "export": _bind_export}[
        options.action
    ](options)


def _add_train(command: flags.Parser) -> None:
    _add_inputs(command)
    command.add_path("--workdir", "folder for checkpoints, log and figures")
    command.add_seed()
    _add_recipe(command, list_options(), "the published recipe is the default")


def _add_recipe(command: flags.Parser, options: Sequence[Option], description: str) -> None:
    group = command.add_argument_group("recipe", description)
    for option in options:
        group.add_argument(
            option.flag,
            dest=f"recipe.{option.name}",
            type=functools.partial(_value, option),
            metavar=option.metavar,
            help=option.help.replace("%", "%%"),
        )


def _add_evaluate(command: flags.Parser) -> None:
    command.add_paths("--workdir", "folder of a training of `albar downstream train`")
    _add_inputs(command)
    command.add_argument(
        "--scores",
        type=flags.path,
        metavar="PATH",
        help="predictions of another program instead of --workdir: for MGFN a folder of one .npy "
        "per video, for TriDet a JSON file of segments",
    )
    command.add_argument(
        "--weights",
        type=flags.spec,
        metavar="FILE",
        help="weights of the original program instead of --workdir",
    )
    command.add_argument(
        "--frames-per-score",
        type=flags.count,
        metavar="N",
        help="with --scores of mgfn: frames that each score stands for, 1 for a score per frame; "
        "with --features, the numbers of scores are checked against the frames of the videos",
    )
    command.add_argument(
        "--published-numbering",
        action="store_true",
        help="tridet: let predictions of classes that the annotations lack count for others, as "
        "the published program does, instead of dropping them",
    )
    command.add_path("--out", "folder for the table and the predictions")
    options = list_options(for_training=False)
    _add_recipe(command, options, "with --weights; a training has its own, and --scores need none")


def _add_export(command: flags.Parser) -> None:
    command.add_path("--workdir", "folder of a training of `albar downstream train`")
    command.add_argument(
        "--checkpoint",
        default="last",
        metavar="NAME",
        help="checkpoint to export: last, best (on the test videos), or a step",
    )
    command.add_path(
        "--out",
        "new file, .pth, .pth.tar, .pt or .safetensors; all but the last need PyTorch",
        metavar="FILE",
    )


def _add_inputs(command: flags.Parser) -> None:
    command.add_argument("--head", choices=list(RECIPES), metavar="|".join(RECIPES), help="head")
    command.add_path("--features", "folder that `albar features` has written in the layout `plain`")
    command.add_path(
        "--annotations",
        "manifest.csv with events.csv beside it (mgfn), or the JSON of segments (tridet)",
        metavar="FILE",
    )
    command.add_argument(
        "--skip-missing",
        action="store_true",
        help="leave out annotated videos without features or predictions, and list them",
    )


def _value(option: Option, text: str) -> Any:
    try:
        return option.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {option.metavar}") from None


def _require(options: argparse.Namespace, *names: str) -> None:
    for name in names:
        if getattr(options, name.replace("-", "_")) is None:
            raise UserError(f"--{name} is missing; `albar downstream --help` has an example")


def _recipe(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the fields of the recipe that the command line states."""
    prefix = "recipe."
    values = {}
    for name, value in vars(options).items():
        if name.startswith(prefix) and value is not None:
            values[name.removeprefix(prefix)] = value

    return values


def _bind_train(options: argparse.Namespace) -> Callable[[], int | None]:
    _require(options, "head", "features", "annotations", "workdir")
    values = _recipe(options)
    make_recipe(options.head, values)

    # These modules import JAX.
    from albar_jax.wiring import program, run_downstream

    def train() -> int:
        program.keep_compiled()
        inputs = run_downstream.read_inputs(
            options.head,
            str(options.features),
            str(options.annotations),
            skip_missing=options.skip_missing,
        )
        return run_downstream.run(inputs, values, options.seed, str(options.workdir))

    return lambda: program.run(train)


def _bind_evaluate(options: argparse.Namespace) -> Callable[[], int | None]:
    _require(options, "out")
    _check_evaluate(options)

    from albar_jax.wiring import downstream_evaluation, program

    out = str(options.out)
    features = _text(options.features)
    annotations = _text(options.annotations)
    shared = {
        "skip_missing": options.skip_missing,
        "published_numbering": options.published_numbering,
    }

    def evaluate() -> int:
        program.keep_compiled()
        if options.scores:
            return downstream_evaluation.run_scores(
                *(options.head, str(options.scores), str(annotations), out),
                features=features,
                frames_per_score=options.frames_per_score,
                **shared,
            )
        if options.weights:
            return downstream_evaluation.run_weights(
                *(options.head, options.weights, str(features), str(annotations), out),
                recipe=_recipe(options),
                **shared,
            )

        workdirs = list(map(str, options.workdir))
        return downstream_evaluation.run_workdirs(
            workdirs, out, features=features, annotations=annotations, **shared
        )

    return lambda: program.run(evaluate)


def _check_evaluate(options: argparse.Namespace) -> None:
    """Raises UserError for options of `evaluate` that are missing or do not go together."""
    sources = [options.workdir, options.scores, options.weights]
    if sum(map(bool, sources)) != 1:
        raise UserError(
            "say what to evaluate: --workdir DIR (can be repeated), or --scores PATH or --weights "
            "FILE with --head and --annotations"
        )
    if options.workdir:
        flags.refuse_unused(options, ["--head"], "with --workdir, which has its own")
    if options.scores:
        _require(options, "head", "annotations")
    if options.weights:
        _require(options, "head", "features", "annotations")
        make_recipe(options.head, _recipe(options))
    else:
        recipe = [option.flag for option in list_options(for_training=False)]
        flags.refuse_unused(options, recipe, "without --weights")

    if options.scores and options.head == "mgfn":
        if options.frames_per_score is None:
            raise UserError(
                "--frames-per-score is missing; give 16 for one score per row of the public MGFN, "
                "or 1 for one score per frame"
            )
    else:
        flags.refuse_unused(options, ["--frames-per-score"], "without --scores of --head mgfn")
    if options.scores and options.head != "mgfn":
        flags.refuse_unused(options, ["--features"], "with --scores of this head")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _bind_export(options: argparse.Namespace) -> Callable[[], int | None]:
    _require(options, "workdir", "out")

    from albar_jax.wiring import program, run_downstream

    export = functools.partial(
        run_downstream.export, str(options.workdir), options.checkpoint, str(options.out)
    )
    return lambda: program.run(export)


# Name -> summary, description and the function that adds the options.
_ACTIONS = {
    "train": (
        "train a head, or resume its training",
        "Trains a head on features; needs --head, --features, --annotations and --workdir. To\n"
        "resume an interrupted training, repeat the command.",
        _add_train,
    ),
    "evaluate": (
        "test heads and write one table",
        "Tests trained heads (--workdir), predictions of other programs (--scores) or weights of\n"
        "the original programs (--weights), and writes one table; needs --out.",
        _add_evaluate,
    ),
    "export": (
        "write weights under the original's names",
        "Writes the weights of a trained head to a file that the original program reads; needs\n"
        "--workdir and --out.",
        _add_export,
    ),
}
