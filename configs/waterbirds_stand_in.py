r"""A generated stand-in for Waterbirds, in a few minutes on two CPU cores.

albar toy waterbirds --out data/waterbirds_stand_in
python train.py --config configs/waterbirds_stand_in.py:ce --workdir runs/waterbirds_stand_in/ce
python train.py --config configs/waterbirds_stand_in.py:albar \
    --workdir runs/waterbirds_stand_in/albar
"""

import math

from ml_collections import ConfigDict

from configs import base, recipe, waterbirds

STEPS = 600
BATCH_SIZE = 64


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the config of a small ResNet from scratch with the methods in `tokens`.

    Raises:
      UserError: `tokens` names a recipe or a variant, because these are for videos.
    """
    waterbirds.refuse_recipes(tokens, "waterbirds_stand_in")
    config = base.get_config()
    config.init = ""
    config.batch_size = BATCH_SIZE
    config.model.preset = "resnet_micro"
    config.data.manifest = "data/waterbirds_stand_in/manifest.csv"
    config.data.size = 32
    config.data.short_side = 32
    config.loader.workers = 0
    config.optim.peak_lr = 2e-3
    config.optim.scale_lr_from_batch = BATCH_SIZE
    config.optim.warmup_fraction = 0.05
    config.train.steps = STEPS
    config.train.save_every_epochs = 2.0
    config.eval.suite = "waterbirds_stand_in"
    config.eval.batch_size = 64

    recipe.apply_tokens(config, tokens)
    waterbirds.pictures(config)
    if "albar" in config.methods:
        config.methods.albar.penalty_weight = 0.01
        # Chance level. Without a cap, training from scratch would minimize this term alone.
        config.methods.albar.adversarial_cap = math.log(2)
    return config
