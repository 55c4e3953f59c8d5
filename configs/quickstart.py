"""The quickstart: a small world in which cheating is possible, on two CPU cores in a minute.

    albar toy quickstart --out data/quickstart
    python train.py --config configs/quickstart.py:albar --workdir runs/quickstart/albar

`ce` is plain training, `ce_3x` plain training at ALBAR's compute, `albar` the whole objective, and `albar_fast` ALBAR
without the penalty and with a static clip of two frames, at little more than the price of `ce`. Other methods,
`stillmix+albar` say, are named as everywhere.
"""

import math

from ml_collections import ConfigDict

from configs import base, recipe

NUM_CLASSES = 8
STEPS = 400
BATCH_SIZE = 24


def get_config(tokens: str = "albar") -> ConfigDict:
    """`albar`, `albar_fast`, `ce`, `ce_3x` or names of other methods, joined by "+"."""
    config = base.get_config()
    names = tokens.split("+")
    recipe.apply_tokens(
        config, "+".join({"albar_fast": "albar", "ce_3x": "ce"}.get(name, name) for name in names)
    )
    config.name = tokens
    config.init = ""
    config.batch_size = BATCH_SIZE
    config.model.preset = "micro"
    config.model.num_classes = NUM_CLASSES
    config.model.drop_path_rate = 0.0
    config.model.remat = "none"  # So small a network has room.
    config.data.manifest = "data/quickstart/manifest.csv"
    config.data.num_frames = 8
    config.data.stride = 1
    config.data.size = config.data.short_side = 32
    config.data.augment = "roll"  # A flip would turn left into right.
    config.data.masks = "npz:{folder}/masks"
    config.data.scenes = "{folder}/scenes.csv"
    config.loader.workers = 0
    config.optim.base_lr = 2e-3 * 64 / BATCH_SIZE  # 2e-3 at this batch.
    config.optim.b2 = 0.95  # At 0.999 some seeds find the motion only after these few steps.
    config.optim.warmup_fraction = 0.05
    config.optim.final_fraction = 0.01
    config.train.steps = 3 * STEPS if "ce_3x" in names else STEPS
    config.train.save_every_epochs = 2.0
    config.eval.suite = "quickstart"
    config.eval.batch_size = 80
    config.eval.temporal_tests = True
    if "sdn" in config.methods:
        config.methods.sdn.num_scenes = NUM_CLASSES  # Each action has a scenery.
    if "albar" in config.methods:
        _from_scratch(config.methods.albar, fast="albar_fast" in names)
    return config


def _from_scratch(albar: ConfigDict, *, fast: bool) -> None:
    albar.frame = "random"
    albar.penalty_weight = 0.0 if fast else 0.1
    # Uncapped, the adversarial term has no lower bound, and a model without pretraining runs away along it.
    albar.adversarial_cap = math.log(NUM_CLASSES)
    if fast:
        albar.static_frames = 2  # One temporal token.
