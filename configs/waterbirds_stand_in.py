"""A generated stand-in of Waterbirds, on two CPU cores in a few minutes.

albar toy waterbirds --out data/waterbirds_stand_in
python train.py --config configs/waterbirds_stand_in.py:ce --workdir runs/waterbirds_stand_in/ce
python train.py --config configs/waterbirds_stand_in.py:albar --workdir runs/waterbirds_stand_in/albar
"""

import math

from ml_collections import ConfigDict

from configs import base, recipe, waterbirds

STEPS = 600
BATCH_SIZE = 64


def get_config(tokens: str = "albar") -> ConfigDict:
    """A small ResNet from scratch with the methods that `tokens` names."""
    config = base.get_config()
    config.init = ""
    config.batch_size = BATCH_SIZE
    config.model.preset = "resnet_micro"
    config.data.manifest = "data/waterbirds_stand_in/manifest.csv"
    config.data.size = config.data.short_side = 32
    config.loader.workers = 0
    config.optim.base_lr = 2e-3 * 64 / BATCH_SIZE  # 2e-3 at this batch.
    config.optim.warmup_fraction = 0.05
    config.train.steps = STEPS
    config.train.save_every_epochs = 2.0
    config.eval.suite = "waterbirds_stand_in"
    config.eval.batch_size = 64
    recipe.apply_tokens(config, tokens)
    waterbirds.pictures(config)
    if "albar" in config.methods:
        config.methods.albar.penalty_weight = 0.01
        config.methods.albar.adversarial_cap = math.log(
            2
        )  # Chance level: from scratch it would run away.
    return config
