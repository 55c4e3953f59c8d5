"""`albar reference-net`: trains a network on single frames and chooses the bank of stills with it.

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the
Background and the Foreground" (ICCV 2023), and its
reference_network/{resnet50,swin-t}/{main_frame.py,*.sh}.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from albar_jax.config import method_options
from albar_jax.data.frame_bank import choose, write_bank
from albar_jax.errors import UserError
from albar_jax.files import make_folder
from albar_jax.storage.lock import working_in, writing
from albar_jax.terminal.escapes import shell_word, show
from albar_jax.wiring import run_training
from albar_jax.wiring.frame_scores import frame_scores


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The published training of a reference network.

    All use SGD without momentum, weight decay 1e-5 and 50 epochs. The learning rate is divided by
    10 after 20 and after 40 epochs.

    Attributes:
      init: initial weights.
      batch_size: frames per step.
      rate: initial learning rate at this batch size.
      drop_path_rate: drop rate of stochastic depth, 0..1.
      short_side: side of the square image that 224 x 224 pixels are cropped from.
    """

    init: str
    batch_size: int
    rate: float
    drop_path_rate: float = 0.0
    short_side: int = 256


RECIPES = {
    "resnet50": Recipe("torchvision:resnet50", 256, 0.04),
    # Not in the paper.
    "resnet18": Recipe("torchvision:resnet18", 256, 0.04),
    # The paper uses 232 for HMDB51 and UCF101, and 256 for Kinetics-400, which
    # --config.data.short_side=256 sets.
    "swin2d_tiny": Recipe("torchvision:swin_t", 64, 0.01, drop_path_rate=0.2, short_side=232),
}
# Networks for tiny images, trained from scratch with the optimizer, batch and steps of the config.
OWN_RECIPE = ("micro2d", "resnet_micro")


def reference_config(config: ConfigDict, model: str, changes: Mapping[str, Any]) -> ConfigDict:
    """Returns the config of a reference network for the training videos of another config.

    Clips are single random frames. As published, the network is trained on the whole training
    split, and images are squashed to a square for training and scoring. As in the scripts of the
    ResNet-50, validation uses centre crops of the training videos. The last frame of a video is
    never drawn for training, because no clip of this package begins there.

    Args:
      config: the config that names the videos.
      model: a network of `RECIPES` or `OWN_RECIPE`.
      changes: fields that the user has set, {dotted name: value}. They override the recipe.

    Raises:
      UserError: the model is unknown, or `changes` has an option of a method.
    """
    if model not in (*RECIPES, *OWN_RECIPE):
        raise UserError(f"--model is {model!r}; it is one of {', '.join((*RECIPES, *OWN_RECIPE))}")

    options = [name for name in changes if name.startswith("methods.")]
    if options:
        raise UserError(
            f"--config.{options[0]} has no effect on a reference network, which is trained with "
            "plain cross-entropy; leave it out, and give it to `albar train`"
        )

    reference = config.copy_and_resolve_references()
    reference.name = "reference"
    reference.methods = method_options("ce")
    recipe: dict[str, Any] = {
        "model.preset": model,
        "init": "",
        "data.num_frames": 1,
        "data.stride": 1,
        "data.short": "stretch",
        "data.starts": "exclusive",
        "data.validation_split": reference.data.train_split,
        "eval.clip": "centre",
        "eval.temporal_views": 1,
        "eval.spatial_views": 1,
    }

    if reference.data.augment == "crop_flip":
        recipe["data.augment"] = "squash_flip"
    if model in RECIPES:
        recipe |= _published(RECIPES[model])
    reference.update_from_flattened_dict(recipe | dict(changes))
    return reference


def _published(recipe: Recipe) -> dict[str, Any]:
    return {
        "init": recipe.init,
        "batch_size": recipe.batch_size,
        "model.drop_path_rate": recipe.drop_path_rate,
        "model.head_dropout": 0.0,
        "model.head_init": "default",
        "data.size": 224,
        "data.short_side": recipe.short_side,
        "optim.name": "sgd",
        "optim.peak_lr": recipe.rate,
        "optim.scale_lr_from_batch": recipe.batch_size,
        "optim.b1": 0.0,
        "optim.schedule": "steps",
        "optim.weight_decay": 1e-5,
        "optim.decay": "all",
        "optim.head_rate": 1.0,
        "optim.clip_norm": None,
        "train.epochs": 50.0,
        "train.steps": None,
        "train.save_every_epochs": 1.0,
        "eval.batch_size": 256,
    }


def run(
    config: ConfigDict,
    workdir: str,
    out: str | None = None,
    *,
    low: float = 0.1,
    high: float = 1.0,
    every: int = 1,
) -> int:
    """Trains a reference network, scores frames and writes the bank; returns the exit status.

    Resumes unfinished training and scoring in `workdir`.

    Args:
      config: the config of the reference network, see `reference_config`.
      workdir: its folder; `scores/every_N` in it gets the scores.
      out: the CSV file to write; None is stills.csv in the folder of the manifest.
      low: share of the frames, 0..1, that is left out because they look least like an action.
      high: quantile of the frames, 0..1, above which they are left out: most like an action.
      every: scores the frames 0, every, 2 * every, ... of each video.

    Raises:
      UserError: a mistake of the user; most are found before any work is done.
    """
    if not 0 <= low < high <= 1:
        raise UserError(f"--low is {low} and --high {high}; they are shares, 0 <= low < high <= 1")
    if every < 1:
        raise UserError(f"--every is {every}; it is 1 (all frames) or more")
    if jax.process_count() > 1:
        raise UserError("a reference network is trained by one process; start the command once")
    path = _out(out, config.data.manifest)

    # One lock for training and scoring.
    with working_in(workdir, "--workdir"):
        status = run_training.run(config, workdir, is_locked=True)
        if status:
            return status
        manifest, scores = frame_scores(Path(workdir), every)

    chosen = choose(scores, manifest.paths, low, high)
    if not len(chosen):
        raise UserError(
            f"no frame of {len(scores)} is between --low {low} and --high {high}; choose a wider "
            "slice"
        )
    with writing(path):
        write_bank(path, scores, chosen, manifest.paths)
    show(
        f"{path}: {len(chosen):,} of {len(scores):,} frames, between the quantiles {low:g} and "
        f"{high:g} of the highest probability; {scores.top1:.1%} of all are classified correctly "
        f"({len(set(scores.row.tolist())):,} of {len(manifest):,} videos read)",
        "next: albar train with a config of stillmix, such as hmdb51:stillmix, and "
        f"--config.methods.stillmix.stills=bank {shell_word(f'--config.data.stills={path}')}",
    )
    return 0


def _out(out: str | None, manifest: str) -> Path:
    """Returns the CSV file to write; makes its folder, unless the manifest is missing."""
    path = Path(out or Path(manifest).parent / "stills.csv")
    if path.is_dir():
        raise UserError(
            f"--out {out} is a folder; name the CSV to write, as in --out {path / 'stills.csv'}"
        )
    if out or path.parent.is_dir():
        make_folder(path.parent, "--out")
    return path
