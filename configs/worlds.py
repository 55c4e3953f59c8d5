"""A generated world of any specification, from scratch or from a pretrained start.

    albar toy world motions --out data/motions
    python train.py --config configs/worlds.py:motions/albar --workdir runs/motions/albar
    albar pretrain --config worlds
    python train.py --config configs/worlds.py:motions/albar/pretrained --workdir runs/motions/tuned

The argument is WORLD/METHODS or WORLD/METHODS/START. WORLD is the name of a shipped world or the
path of a specification; docs/worlds.md describes both. METHODS are the tokens of
configs/quickstart.py. START is one of

- `scratch`, the default: random weights and the recipe of configs/quickstart.py.
- `pretrained`: the weights of `albar pretrain`, and the recipe of ALBAR's paper: a small rate, no
  cap of the adversarial term, the middle frame, the weights 1, 4 and 10, and a warm-up of a tenth.
"""

import dataclasses
import functools
import math
import re
from pathlib import Path

from ml_collections import ConfigDict

from albar_jax.config import method_options
from albar_jax.errors import UserError
from albar_jax.studies import Cell, Start
from albar_jax.terminal.escapes import shell_line
from albar_jax.toy import quickstart as world
from albar_jax.toy.spec import read_spec
from albar_jax.toy.world_spec import WorldSpec
from albar_jax.wiring import run_start
from configs import base, quickstart, recipe

SCRATCH = "scratch"
PRETRAINED = "pretrained"
STARTS = (SCRATCH, PRETRAINED)
# The world that the start is trained in, and the steps of this training.
START_WORLD = "broad"
START_STEPS = 4000
# Peak learning rate from the pretrained start, at the batch of configs/quickstart.py. The paper's
# is 1.25e-5 for 17,850 steps. This one has about the same product with its number of steps.
PEAK_LR = 5e-4
# Number of characters of a world's name in the name of its folder.
_LONGEST_NAME = 80


@dataclasses.dataclass(frozen=True)
class Setting:
    """A world, and a start of the trainings in it.

    Attributes:
      world: name of a shipped world, or path of a specification.
      start: the pretrained start; None for random weights.
    """

    world: str = "quickstart"
    start: Start | None = None

    # Read once: a file that is edited while a study runs must not change the videos of later seeds.
    @functools.cached_property
    def spec(self) -> WorldSpec:
        """The specification of the world."""
        return read_spec(self.world)

    @property
    def folder(self) -> str:
        """The folder of the videos of a study; {seed} is replaced by the seed of a run.

        Its name has digits of the specification, so a changed file is another world, and its runs
        are other runs.
        """
        spec = self.spec
        # The quickstart is older than specifications.
        if spec == read_spec("quickstart"):
            return "data/quickstart_seed{seed}"
        # The digest tells files apart whose names differ in unusual characters only.
        name = re.sub(r"[^\w.+-]+", "_", spec.name)[:_LONGEST_NAME]
        return f"data/{name}_{spec.digest}_seed{{seed}}"

    @property
    def command(self) -> str:
        """The command that makes the videos of seed 0."""
        folder = self.folder.replace("{seed}", "0")
        return shell_line(["albar", "toy", "world", self.world, "--out", folder, "--seed", "0"])

    @property
    def suffix(self) -> str:
        """The end of a title; "" from scratch in the quickstart's world."""
        place = "" if self.world == "quickstart" else f", world {self.spec.name}"
        return f"{place}, {PRETRAINED}" if self.start else place

    def config(self, methods: str) -> ConfigDict:
        """Returns the config of methods, which are tokens of configs/quickstart.py."""
        spec = self.spec
        config = quickstart.get_config(methods)
        config.data.manifest = f"data/{spec.name}/manifest.csv"
        config.data.num_frames = spec.num_frames
        config.data.size = spec.size
        config.data.short_side = spec.size
        config.model.num_classes = len(spec.classes)
        if "sdn" in config.methods:
            config.methods.sdn.num_scenes = spec.num_scenes
        if "albar" in config.methods:
            config.methods.albar.adversarial_cap = chance(self)

        config.name = "_".join([spec.name, methods])
        if self.start:
            config.name += f"_{PRETRAINED}"
            config.init = str(self.start.weights)
            _set_paper(config)
        if "albar_fast" in methods.split("+"):
            recipe.set_albar_fast(config)
        return config

    def prepare(self, config: ConfigDict) -> None:
        """Makes the videos and the start of a config if they are missing."""
        world.make(Path(config.data.manifest).parent, seed=config.seed, spec=self.spec)
        if self.start and config.init == str(self.start.weights):
            run_start.require(self.start)


def get_config(tokens: str = "quickstart/albar") -> ConfigDict:
    """Returns the config of WORLD/METHODS or WORLD/METHODS/START.

    Raises:
      UserError: the world or the methods are missing or do not exist.
    """
    place, start = _split_start(tokens)
    name, slash, methods = place.rpartition("/")
    if not (name and methods):
        raise UserError(
            f"--config worlds:{tokens} lacks a world or a method; write WORLD/METHODS, as in "
            "worlds:motions/albar"
        )
    return in_world(name, start).config(methods)


def in_world(world: str, start: str) -> Setting:
    """Returns the setting of a world and a start, one of STARTS."""
    return Setting(world, get_start() if start == PRETRAINED else None)


def read_setting(argument: str) -> Setting:
    """Returns the setting of WORLD, START or WORLD/START, the argument of a study."""
    name, start = _split_start(argument)
    return in_world(name or "quickstart", start)


def _split_start(text: str) -> tuple[str, str]:
    """Returns the text before the start, and the start; SCRATCH if the text names none."""
    before, _, last = text.rpartition("/")
    return (before, last) if last in STARTS else (text, SCRATCH)


@functools.cache
def get_start(world: str = START_WORLD, steps: int = START_STEPS) -> Start:
    """Returns the pretrained start: plain training in a world of many motions and sceneries.

    Args:
      world: name of a shipped world, or path of a specification.
      steps: steps of the training.
    """
    setting = Setting(world)
    changes = {
        "data.manifest": f"{setting.folder}/manifest.csv",
        "train.steps": steps,
        "eval.static_validation": True,
    }
    cell = Cell("start", setting.config, base.get_config, "ce", changes)
    return Start(cell, setting.prepare)


def chance(setting: Setting) -> float:
    """Returns the cross-entropy of a uniform prediction in a world, in nats."""
    return math.log(len(setting.spec.classes))


def _set_paper(config: ConfigDict) -> None:
    """Replaces the recipe of the quickstart by the paper's."""
    usual = base.get_config().optim
    config.optim.peak_lr = PEAK_LR
    for name in ("b2", "warmup_fraction", "final_fraction"):
        config.optim[name] = usual[name]

    if "albar" in config.methods:
        config.methods.albar = method_options("albar").albar
