"""Writes the weights of a training run: for torchvision (.pth, .pt, .safetensors), or as a folder of ours.

python -m albar_jax.commands.export --workdir runs/hmdb51/albar --out albar.safetensors
"""

from pathlib import Path

from absl import flags

from albar_jax import build, cli
from albar_jax.commands.evaluate import from_workdir
from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.models import torch_files
from albar_jax.models.converted import save_converted
from albar_jax.models.weights import save_torch

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "best", "Which of its checkpoints: best, last or a step.")
OUT = flags.DEFINE_string("out", None, "What to write; must not exist. OUT.classes.txt lists the classes in order.")


def run(workdir: str, checkpoint: str, out: str) -> int:
    """Writes the weights and the names of their classes; returns the exit status.

    Raises:
      UserError: if there is no such checkpoint, or `out` exists.
    """
    trained = from_workdir(workdir, checkpoint)
    _, template = build.model(trained.config, len(trained.classes))
    config = build.model_config(trained.config, len(trained.classes))
    save = save_torch if Path(out).suffix in torch_files.SUFFIXES else save_converted
    save(out, config, trained.restore(template))
    write_text(f"{out}.classes.txt", "".join(f"{name}\n" for name in trained.classes))
    print(f"{out}: {trained.name} at step {trained.step}, {config.num_classes} classes, listed in {out}.classes.txt")
    return 0


def main() -> int:
    """Reads the flags."""
    if WORKDIR.value is None or OUT.value is None:
        raise UserError("say --workdir DIR of a training run and --out FILE or DIR to write")
    return run(WORKDIR.value, CHECKPOINT.value, OUT.value)


if __name__ == "__main__":
    cli.run(main)
