"""ALBAR on Waterbirds, with the background for the static clip: fine-tunes a ResNet-18 that was trained on ImageNet.

    albar synthesize waterbirds --cub CUB_200_2011 --segmentations segmentations --places data_large \
        --metadata waterbird_complete95_forest2water2/metadata.csv --out data/waterbirds/pictures
    albar prepare waterbirds --backgrounds data/waterbirds/pictures/backgrounds \
        --videos data/waterbirds/pictures/waterbird_complete95_forest2water2
    python train.py --config configs/waterbirds.py --workdir runs/waterbirds/albar
    python train.py --config configs/waterbirds.py:ce --workdir runs/waterbirds/ce

The paper reports, in percent: worst group 59.5, with plain cross-entropy 50.0. (ALBAR Table 9) It does not tell the
recipe; this has the rate, decay, batch and epochs of group_DRO's command for a ResNet-50 (its README; momentum and
schedule are of its train.py) without what is group DRO in it, and ALBAR's weights of HMDB51.
"""

from ml_collections import ConfigDict

from albar_jax.errors import UserError
from configs import base, recipe


def get_config(tokens: str = "albar") -> ConfigDict:
    """ALBAR with backgrounds, or the methods that `tokens` names."""
    config = base.get_config()
    config.init = "torchvision:resnet18"
    config.model.preset = "resnet18"
    config.data.manifest = "data/waterbirds/manifest.csv"
    config.eval.suite = "waterbirds"
    if videos := sorted(set(recipe.RECIPES) & set(tokens.split("+"))):
        raise UserError(
            f"the recipe {videos[0]} is for videos; name methods alone, as in configs/waterbirds.py:ce"
        )
    recipe.apply_tokens(config, tokens)
    pictures(config)
    # As in group_DRO: pictures of any shape are squashed to 256 x 256, then cropped.
    config.data.shape = "square"
    config.batch_size = 128
    config.optim.name = "sgd"
    config.optim.base_lr = 1e-3 * 64 / config.batch_size  # 1e-3 at this batch.
    config.optim.warmup_fraction, config.optim.final_fraction = 0.0, 1.0  # The rate is constant.
    config.optim.weight_decay = 1e-4
    config.train.epochs = 300.0
    return config


def pictures(config: ConfigDict) -> None:
    """Two kinds of birds in clips of one frame, whose static clip is a picture of its own."""
    config.model.num_classes = 2
    config.model.drop_path_rate = 0.0
    config.data.stills = "{folder}/stills.csv"
    config.data.validation_split = "val"
    # As in group_DRO without --augment_data.
    config.data.augment = "none"
    config.data.num_frames = config.data.stride = 1
    if "albar" in config.methods:
        config.methods.albar.frame = "still"
