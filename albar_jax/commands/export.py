"""Writes the weights of a training run: for torchvision (.pth, .pt, .safetensors), or without an ending as our folder.

python -m albar_jax.commands.export --workdir runs/hmdb51/albar --out albar.safetensors
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from albar_jax import cli, wiring
from albar_jax.errors import UserError
from albar_jax.methods.heads import HEADS
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage.class_names import read_class_list, write_class_list
from albar_jax.storage.lock import writing
from albar_jax.terminal.escapes import show
from albar_jax.terminal.flags import define_path
from albar_jax.weights.converted import save_converted
from albar_jax.weights.loading import classes_file, holds, save_torch, torchvision_call
from albar_jax.weights.torch_files import refuse_other_suffix
from albar_jax.wiring.run_evaluation import from_workdir

WORKDIR = define_path("workdir", None, "Folder of a training run.")
CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "best", "Which of its checkpoints: best, last or a step."
)
OUT = define_path(
    "out", None, "File to write; OUT.classes.txt gets the class names. Overwrites no other file."
)


def run(workdir: str, checkpoint: str, out: str) -> int:
    """Writes the class names and the weights; returns the exit status.

    Raises:
      UserError: the checkpoint does not exist, `out` has an unknown suffix, or `out` or its class list exists with
        other contents.
    """
    path, listing = Path(out), classes_file(out)
    if path.suffix:
        refuse_other_suffix(path)
    trained = from_workdir(workdir, checkpoint)
    _refuse_other_list(listing, trained.classes)
    _, template = wiring.model_shapes(trained.config, len(trained.classes), data_mesh())
    config = wiring.model_config(trained.config, len(trained.classes))
    # Heads that a method brought have done their work, in training.
    params = {name: value for name, value in trained.restore(template).items() if name != HEADS}
    with writing(path):
        if path.exists() and not holds(path, config, params):
            raise UserError(f"{path} exists already; delete it or choose another name")
        # A killed command may have written only the class list, or both files.
        new_list = not listing.exists()
        if new_list:
            # The class list is written first, so that weights never exist without it.
            write_class_list(listing, trained.classes)
        try:
            if not path.exists():
                (save_torch if path.suffix else save_converted)(path, config, params)
        except BaseException:
            if new_list:
                listing.unlink()
            raise
    show(
        f"{path}: {trained.name} at step {trained.step}, {config.num_classes} classes; class names: {listing}"
    )
    if path.suffix:
        show(f"It fits {torchvision_call(config)}.")
    return 0


def _refuse_other_list(listing: Path, classes: Sequence[str]) -> None:
    """Raises UserError if the file exists and differs from the class list to be written."""
    try:
        there = read_class_list(listing).names
    except UserError:
        there = None
    if listing.exists() and there != tuple(classes):
        raise UserError(f"{listing} exists already; delete it or choose another name")


def main() -> int:
    """Reads the flags."""
    if WORKDIR.value is None or OUT.value is None:
        raise UserError("say --workdir DIR of a training run and --out FILE or DIR to write")
    return run(WORKDIR.value, CHECKPOINT.value, OUT.value)


if __name__ == "__main__":
    cli.run(main)
