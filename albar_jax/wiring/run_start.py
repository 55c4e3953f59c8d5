"""Makes a pretrained start: trains its recipe, then writes the weights without their head."""

import time
from pathlib import Path

import jax
import numpy as np

from albar_jax import wiring
from albar_jax.errors import UserError
from albar_jax.methods.heads import HEADS
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage.lock import HeldError, working_in
from albar_jax.studies import Start
from albar_jax.terminal.escapes import show
from albar_jax.train.signals import StopRequest
from albar_jax.weights.converted import save_converted
from albar_jax.wiring import run_training
from albar_jax.wiring.trained_models import from_workdir

# Time between two checks of a start that another process makes.
POLL_SECONDS = 2.0


def require(start: Start) -> None:
    """Makes a start, unless it exists; waits while another process makes it.

    Raises:
      UserError: a signal stopped the training, or it failed.
    """
    if make(start):
        raise UserError(f"the training of {start.weights} was stopped; repeat the command")


def make(start: Start) -> int:
    """Makes a start, unless it exists; waits while another process makes it.

    An interrupted training resumes from its last checkpoint. The weights get their name only when
    they are complete.

    Returns:
      The exit status: 0 if the start exists, 128 plus the number of the signal that stopped it.

    Raises:
      UserError: the training failed, or its folder cannot be written.
    """
    with StopRequest() as stop:
        while not start.weights.is_dir() and not stop.signal_name:
            try:
                with working_in(start.folder, "the folder of the start"):
                    _make(start)
            # The other process may also be killed; then this one takes over.
            except HeldError:
                time.sleep(POLL_SECONDS)
        return stop.status


def _make(start: Start) -> None:
    """Makes a start, with the lock of its folder."""
    # Another process may have completed it just before this one got the lock.
    if start.weights.is_dir():
        return

    config = start.config
    start.prepare(config)
    show(f"== the start of later trainings, {start.weights}", flush=True)
    status = run_training.run(config, str(start.training))
    # A training that was stopped has saved a checkpoint.
    if status == 0:
        _export(start.training, start.weights)
        show(f"{start.weights}: made", flush=True)


def _export(workdir: Path, weights: Path) -> None:
    """Writes the best checkpoint with a head of one class.

    A later training has other classes. So it replaces the head, also if their number is the same.
    """
    # The best checkpoint, because later trainings need what generalizes.
    trained = from_workdir(str(workdir), "best")
    _, template = wiring.model_shapes(trained.config, len(trained.classes), data_mesh())
    params = {name: value for name, value in trained.restore(template).items() if name != HEADS}
    # A head of zeros has the shapes of a network with one class.
    params["head"] = jax.tree.map(lambda array: np.zeros_like(array[..., :1]), params["head"])
    save_converted(weights, wiring.model_config(trained.config, num_classes=1), params)
