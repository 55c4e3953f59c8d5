"""Defines the files, sizes and config changes of all stages."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NUM_CLASSES = 51


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of a run.

    Attributes:
      preset: network of the training and evaluation stages.
      frames: frames of a clip.
      size: height and width of a clip in pixels.
      batch: clips per training step.
      eval_batch: clips per evaluation step.
      dtype: dtype of activations.
      steps: training steps of each method.
      stop_at: the step at which SIGTERM is sent.
      warm_up: number of first steps excluded from the speed.
      train_films: training films of each class.
      test_films: test films of each class.
      matmul: side of the square matrices of the ceiling.
      copied: bytes of the array whose copy is timed.
      rounds: repetitions of each timing.
      against: frames, size and batch of the steps that are compared with PyTorch's.
      modes: number of memory modes whose largest batch is searched.
      memory: memory limit of a step in bytes, if the device reports none.
    """

    preset: str
    frames: int
    size: int
    batch: int
    eval_batch: int
    dtype: str
    steps: int
    stop_at: int
    warm_up: int
    train_films: int
    test_films: int
    matmul: int
    copied: int
    rounds: int
    against: tuple[int, int, int]
    modes: int
    memory: int


FULL = Sizes(
    preset="tiny",
    frames=32,
    size=224,
    batch=8,
    eval_batch=16,
    dtype="bfloat16",
    steps=40,
    stop_at=12,
    warm_up=4,
    train_films=14,
    test_films=6,
    matmul=8192,
    copied=2_000_000_000,
    rounds=10,
    against=(32, 224, 8),
    modes=8,
    memory=16_000_000_000,
)
# Runs the same code completely on a CPU in minutes.
SMALL = Sizes(
    preset="micro",
    frames=8,
    size=32,
    batch=4,
    eval_batch=8,
    dtype="bfloat16",
    steps=12,
    stop_at=4,
    warm_up=2,
    train_films=2,
    test_films=1,
    matmul=256,
    copied=20_000_000,
    rounds=3,
    against=(4, 32, 2),
    modes=2,
    memory=200_000_000,
)
# `albar_fast` is ALBAR without the gradient penalty on static clips of two frames.
METHODS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "albar": ("albar", {}),
    "ce": ("ce", {}),
    "albar_fast": (
        "albar",
        {"methods.albar.penalty_weight": 0.0, "methods.albar.static_frames": 2},
    ),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of one run.

    Attributes:
      out: file of JSON lines.
      log: file for the output of stages and programs.
      films: folder of `benchmarks.gpu.films`.
      scratch: folder that is removed after the run.
      small: whether to use the sizes for a CPU.
      began: start of the run in seconds since the epoch.
      driver: number of the process that runs the stages; stages end with it.
    """

    out: str
    log: str
    films: str
    scratch: str
    small: bool
    began: float
    driver: int

    @property
    def sizes(self) -> Sizes:
        """Returns the sizes of this run."""
        return SMALL if self.small else FULL

    @property
    def manifest(self) -> Path:
        """Returns the manifest of the films, which the stage `films` writes."""
        return Path(self.scratch) / "data" / "manifest.csv"

    def workdir(self, method: str) -> Path:
        """Returns the folder of the interrupted and resumed training."""
        return Path(self.scratch) / "runs" / method

    def to_json(self) -> str:
        """Serialises the settings for the process of a stage."""
        return json.dumps(dataclasses.asdict(self))

    def changes(self, method: str) -> dict[str, Any]:
        """Returns the changes to `configs/hmdb51.py` by field name."""
        sizes = self.sizes
        return {
            "init": "",
            "batch_size": sizes.batch,
            "model.preset": sizes.preset,
            "model.dtype": sizes.dtype,
            "data.manifest": str(self.manifest),
            "data.num_frames": sizes.frames,
            "data.size": sizes.size,
            "data.short_side": sizes.size * 8 // 7,
            "train.steps": sizes.steps,
            "train.log_every_steps": 1,
            "train.save_every_epochs": 1000.0,
            "eval.batch_size": sizes.eval_batch,
        } | METHODS[method][1]
