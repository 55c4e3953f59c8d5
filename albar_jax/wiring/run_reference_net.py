"""`python -m albar_jax.commands.reference_net`: trains a network on single frames, and chooses the bank of stills by it.

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the Background and the
Foreground" (ICCV 2023), and its reference_network/{resnet50,swin-t}/{main_frame.py,*.sh}.
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
    """How a reference network is trained: SGD without momentum, decay 1e-5, 50 epochs, a tenth at 20 and at 40."""

    init: str
    batch_size: int
    rate: float
    drop_path_rate: float = 0.0
    short_side: int = 256  # of the square that 224 are cropped from


RECIPES = {
    "resnet50": Recipe("torchvision:resnet50", 256, 0.04),
    "resnet18": Recipe("torchvision:resnet18", 256, 0.04),  # which the paper has not
    # 232 is that of HMDB51 and UCF101; Kinetics' is 256, --config.data.short_side=256.
    "swin2d_tiny": Recipe("torchvision:swin_t", 64, 0.01, drop_path_rate=0.2, short_side=232),
}
# From scratch, on tiny pictures: the optimiser, the batches and the number of steps are those of the config.
OWN_RECIPE = ("micro2d", "resnet_micro")


def reference_config(config: ConfigDict, model: str, said: Mapping[str, Any]) -> ConfigDict:
    """The config of a reference network for the videos of `config`; `said` are the fields that have the last word.

    Clips are single random frames. As published, all of the training split is trained on, and a whole picture is
    squashed to a square, in training and in scoring. As in the ResNet-50's scripts, the accuracy of validation is that
    on the training videos, of centre crops. The last frame of a video is never drawn for training, since no clip of
    this package begins there.
    Raises UserError for an unknown model, and for an option of a method.
    """
    if model not in (*RECIPES, *OWN_RECIPE):
        raise UserError(f"--model is {model!r}; it is one of {', '.join((*RECIPES, *OWN_RECIPE))}")
    if options := [name for name in said if name.startswith("methods.")]:
        raise UserError(
            f"--config.{options[0]} is of no use to a reference network, which learns by plain cross-entropy; "
            "leave it out, and give it to run_training.py"
        )
    made = config.copy_and_resolve_references()
    made.name = "reference"
    made.methods = method_options("ce")
    changes = {
        "model.preset": model,
        "init": "",
        "data.num_frames": 1,
        "data.stride": 1,
        "data.short": "stretch",
        "data.starts": "exclusive",
        "data.validation_split": made.data.train_split,
        "eval.clip": "centre",
        "eval.temporal_views": 1,
        "eval.spatial_views": 1,
    }
    if made.data.augment == "crop_flip":
        changes["data.augment"] = "squash_flip"
    if model in RECIPES:
        changes |= _published(RECIPES[model])
    made.update_from_flattened_dict(changes | dict(said))
    return made


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
    """Trains with this config (see `reference_config`), scores all frames, writes the bank; returns the exit status.

    What is done already in `workdir` is not done again: training goes on where it was stopped, and so does scoring.

    Args:
      config: of the reference network.
      workdir: its folder; scores go to `scores/every_N` in it.
      out: the CSV; None is stills.csv beside the manifest.
      low: share of the frames, those that look least like an action, that are left out.
      high: share from which on those that look most like one are left out.
      every: which frames of a video are scored: 0, every, 2 * every, ...

    Raises:
      UserError: for any mistake of the user, before any work is done.
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
            f"no frame of {len(scores)} is between --low {low} and --high {high}; choose a wider slice"
        )
    with writing(path):
        write_bank(path, scores, chosen, manifest.paths)
    show(
        f"{path}: {len(chosen):,} of {len(scores):,} frames, between {low:g} and {high:g} by their likeliest class; "
        f"a single frame tells the action in {scores.top1:.1%} ({len(set(scores.row.tolist())):,} of {len(manifest):,} "
        "videos read)",
        "next: python run_training.py with a config of stillmix, as configs/hmdb51.py:stillmix, and "
        f"--config.methods.stillmix.stills=bank {shell_word(f'--config.data.stills={path}')}",
    )
    return 0


def _out(out: str | None, manifest: str) -> Path:
    """The CSV to write, in a folder where it can be; that of a missing manifest is not made."""
    path = Path(out or Path(manifest).parent / "stills.csv")
    if path.is_dir():
        raise UserError(
            f"--out {out} is a folder; name the CSV to write, as in --out {path / 'stills.csv'}"
        )
    if out or path.parent.is_dir():
        make_folder(path.parent, "--out")
    return path
