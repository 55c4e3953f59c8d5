"""The quickstart: a small generated world with background bias, in a minute on two CPU cores.

    albar toy quickstart --out data/quickstart
    python train.py --config configs/quickstart.py:albar --workdir runs/quickstart/albar

Tokens:
- `ce`: plain training.
- `ce_3x`: plain training for three times the steps, which is the compute of `albar`.
- `albar`: the whole objective.
- `albar_fast`: ALBAR with a static clip of two frames, and noise on it instead of the gradient
  penalty. A step costs little more than a step of `ce`.
- any other methods, such as `stillmix+albar`.

Expected accuracy: see the table of `make demo` in README.md.
"""

import math

from ml_collections import ConfigDict

from configs import base, recipe

NUM_CLASSES = 8
STEPS = 400
BATCH_SIZE = 24


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the config of `albar`, `albar_fast`, `ce`, `ce_3x` or methods joined by "+"."""
    config = base.get_config()
    names = tokens.split("+")
    # `ce_3x` is a token of this file.
    methods = ["ce" if name == "ce_3x" else name for name in names]
    recipe.apply_tokens(config, "+".join(methods))
    config.name = tokens

    _set_network(config)
    _set_data(config)
    _set_training(config)
    _set_tests(config)

    if "ce_3x" in names:
        config.train.steps = 3 * STEPS
    if "sdn" in config.methods:
        # Each action has a scenery.
        config.methods.sdn.num_scenes = NUM_CLASSES
    if "albar" in config.methods:
        _set_albar(config.methods.albar)
    if "albar_fast" in names:
        recipe.set_albar_fast(config)
    return config


def _set_network(config: ConfigDict) -> None:
    config.init = ""
    config.model.preset = "micro"
    config.model.num_classes = NUM_CLASSES
    config.model.drop_path_rate = 0.0
    # So small a network needs little memory.
    config.model.remat = "none"


def _set_data(config: ConfigDict) -> None:
    config.data.manifest = "data/quickstart/manifest.csv"
    config.data.num_frames = 8
    config.data.stride = 1
    config.data.size = 32
    config.data.short_side = 32
    # A flip would turn a motion to the left into one to the right.
    config.data.augment = "roll"
    config.data.masks = "npz:{folder}/masks"
    config.data.scenes = "{folder}/scenes.csv"
    config.loader.workers = 0
    # All clips of this world together have 80 MB.
    config.loader.keep_mb = 512


def _set_training(config: ConfigDict) -> None:
    config.batch_size = BATCH_SIZE
    config.optim.peak_lr = 2e-3
    config.optim.scale_lr_from_batch = BATCH_SIZE
    # With 0.999, some seeds do not find the motion within so few steps.
    config.optim.b2 = 0.95
    config.optim.warmup_fraction = 0.05
    config.optim.final_fraction = 0.01
    config.train.steps = STEPS
    config.train.save_every_epochs = 2.0


def _set_tests(config: ConfigDict) -> None:
    config.eval.suite = "quickstart"
    config.eval.batch_size = 80
    config.eval.temporal_tests = True


def _set_albar(albar: ConfigDict) -> None:
    albar.frame = "random"
    albar.penalty_weight = 0.1
    # Without a cap the adversarial term has no lower bound. A model without pretraining would then
    # minimize this term alone.
    albar.adversarial_cap = math.log(NUM_CLASSES)
