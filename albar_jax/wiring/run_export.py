"""`albar export`: writes the weights of a training run."""

from collections.abc import Sequence
from pathlib import Path

from albar_jax import wiring
from albar_jax.errors import UserError
from albar_jax.methods.heads import HEADS
from albar_jax.models import NetworkConfig
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage.class_names import read_class_list, write_class_list
from albar_jax.storage.lock import writing
from albar_jax.terminal.escapes import show
from albar_jax.types import Params
from albar_jax.weights.converted import save_converted
from albar_jax.weights.loading import classes_file, holds, save_torch, torchvision_call
from albar_jax.weights.torch_files import refuse_other_suffix
from albar_jax.wiring.trained_models import from_workdir


def run(workdir: str, checkpoint: str, out: str) -> int:
    """Writes the class names and the weights; returns the exit status.

    Args:
      workdir: folder of a training run.
      checkpoint: "best", "last" or a step.
      out: a file for torchvision (.pth, .pt, .safetensors), or without an ending a folder of this
        package. `OUT.classes.txt` gets the class names.

    Raises:
      UserError: the checkpoint does not exist, `out` has an unknown suffix, or `out` or its class
        list exists with other contents.
    """
    path = Path(out)
    listing = classes_file(out)
    if path.suffix:
        refuse_other_suffix(path)
    trained = from_workdir(workdir, checkpoint)
    _refuse_other_list(listing, trained.classes)

    _, template = wiring.model_shapes(trained.config, len(trained.classes), data_mesh())
    config = wiring.model_config(trained.config, len(trained.classes))
    restored = trained.restore(template)
    # The heads of methods are used only in training.
    params = {name: value for name, value in restored.items() if name != HEADS}
    with writing(path):
        if path.exists() and not holds(path, config, params):
            raise UserError(f"{path} already exists; delete it or choose another name")
        _write(path, config, params, listing, trained.classes)

    show(
        f"{path}: {trained.name} at step {trained.step}, {config.num_classes} classes; "
        f"class names: {listing}"
    )
    if path.suffix:
        show(f"It fits {torchvision_call(config)}.")
    return 0


def _write(
    path: Path, config: NetworkConfig, params: Params, listing: Path, classes: Sequence[str]
) -> None:
    """Writes weights and class list, unless they exist: a kill may have left one of them."""
    is_new_list = not listing.exists()
    if is_new_list:
        # The class list is written first, so that weights never exist without it.
        write_class_list(listing, classes)

    save = save_torch if path.suffix else save_converted
    try:
        if not path.exists():
            save(path, config, params)
    except BaseException:
        if is_new_list:
            listing.unlink()
        raise


def _refuse_other_list(listing: Path, classes: Sequence[str]) -> None:
    """Raises UserError if the file exists and differs from the class list to be written."""
    if not listing.exists():
        return
    try:
        names = read_class_list(listing).names
    except UserError:
        names = None
    if names != tuple(classes):
        raise UserError(f"{listing} already exists; delete it or choose another name")
