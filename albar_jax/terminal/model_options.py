"""The options that name a trained model: the folder of a run, or weights with a config."""

import dataclasses

from albar_jax.errors import UserError
from albar_jax.terminal import flags


@dataclasses.dataclass(frozen=True)
class ModelChoice:
    """The models that a command line names: either runs or weights.

    Attributes:
      workdirs: folders of training runs.
      checkpoint: checkpoint of the runs: "best", "last" or a step.
      weights: weights instead of runs; None for runs.
      config: the value of `--config`; None without it.
      changes: arguments that change fields of the config.
    """

    workdirs: tuple[str, ...]
    checkpoint: str
    weights: str | None
    config: str | None
    changes: tuple[str, ...]


def add_run(parser: flags.Parser, use: str, *, several: bool = False) -> None:
    """Adds `--workdir` and `--checkpoint`.

    Args:
      parser: the parser of the command.
      use: the verb for the help of `--checkpoint`, such as "evaluate".
      several: whether `--workdir` can be repeated.
    """
    if several:
        parser.add_paths("--workdir", "folder of a training run")
    else:
        parser.add_path("--workdir", "folder of a training run")
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="NAME",
        help=f"checkpoint to {use}: best (by validation), last, or a step",
    )


def add_weights(parser: flags.Parser) -> None:
    """Adds `--weights`, which names weights in place of a run."""
    parser.add_argument(
        "--weights",
        type=flags.spec,
        metavar="SOURCE",
        help="weights instead of --workdir: a file, a folder, or torchvision:NAME",
    )


def choose(options: flags.Namespace) -> ModelChoice:
    """Returns the models that parsed options name.

    Raises:
      UserError: `--checkpoint` is given without a run.
    """
    weights = getattr(options, "weights", None)
    workdirs = options.workdir if isinstance(options.workdir, list) else [options.workdir]
    workdirs = tuple(str(workdir) for workdir in workdirs if workdir is not None)
    if not workdirs:
        flags.refuse_unused(options, ["--checkpoint"], "without --workdir")
    return ModelChoice(
        workdirs, options.checkpoint, weights, options.config, tuple(options.changes)
    )


def choose_one(options: flags.Namespace) -> ModelChoice:
    """Returns the single model that parsed options name.

    Raises:
      UserError: neither a run nor weights are named, or both are.
    """
    if bool(options.workdir) == bool(options.weights):
        raise UserError("say which model: either --workdir DIR, or --weights W --config C")
    return choose(options)
