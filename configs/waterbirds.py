r"""ALBAR on Waterbirds, with the background as static clip: fine-tunes an ImageNet ResNet-18.

    albar synthesize waterbirds --cub CUB_200_2011 --segmentations segmentations \
        --places data_large --metadata waterbird_complete95_forest2water2/metadata.csv \
        --out data/waterbirds/pictures
    albar prepare waterbirds --backgrounds data/waterbirds/pictures/backgrounds \
        --videos data/waterbirds/pictures/waterbird_complete95_forest2water2
    python train.py --config configs/waterbirds.py --workdir runs/waterbirds/albar
    python train.py --config configs/waterbirds.py:ce --workdir runs/waterbirds/ce

Expected accuracy of the worst group, as the paper reports it (ALBAR Table 9), in percent: 59.5 for
`albar`, 50.0 for `ce`.

The paper does not state the recipe. This one has the learning rate, decay, batch and epochs of
group_DRO's command for a ResNet-50, from its README, but not group DRO itself. The momentum and the
schedule are from its train.py. The weights of ALBAR's terms are the ones for HMDB51.
"""

from ml_collections import ConfigDict

from albar_jax.errors import UserError
from configs import base, recipe

BATCH_SIZE = 128


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the config of the methods in `tokens`; ALBAR uses the backgrounds as static clips.

    Raises:
      UserError: `tokens` names a recipe or a variant, because these are for videos.
    """
    refuse_recipes(tokens, "waterbirds")
    config = base.get_config()
    config.init = "torchvision:resnet18"
    config.model.preset = "resnet18"
    config.data.manifest = "data/waterbirds/manifest.csv"
    config.eval.suite = "waterbirds"
    recipe.apply_tokens(config, tokens)
    pictures(config)

    # As in group_DRO: images of any shape are squashed to 256 x 256, then cropped.
    config.data.shape = "square"
    config.batch_size = BATCH_SIZE
    config.optim.name = "sgd"
    config.optim.peak_lr = 1e-3
    config.optim.scale_lr_from_batch = BATCH_SIZE
    # The learning rate is constant.
    config.optim.warmup_fraction = 0.0
    config.optim.final_fraction = 1.0
    config.optim.weight_decay = 1e-4
    config.train.epochs = 300.0
    return config


def refuse_recipes(tokens: str, name: str) -> None:
    """Raises UserError if tokens name a recipe or a variant, which are for videos.

    Args:
      tokens: tokens of the config.
      name: name of the config.
    """
    names = set(tokens.split("+"))
    if recipes := sorted(names & set(recipe.RECIPES)):
        raise UserError(
            f"the recipe {recipes[0]} is for videos; name methods alone, as in configs/{name}.py:ce"
        )

    # Its static clip has fewer frames than a clip.
    if variants := sorted(names & set(recipe.VARIANTS)):
        method = recipe.VARIANTS[variants[0]]
        raise UserError(
            f"{variants[0]} is for videos, because an image has no frames to leave out; name "
            f"{method}, as in configs/{name}.py:{method}"
        )


def pictures(config: ConfigDict) -> None:
    """Sets clips of one frame with two classes; ALBAR's static clip is a separate image."""
    config.model.num_classes = 2
    config.model.drop_path_rate = 0.0
    config.data.stills = "{folder}/stills.csv"
    config.data.validation_split = "val"
    # As in group_DRO without --augment_data.
    config.data.augment = "none"
    config.data.num_frames = 1
    config.data.stride = 1

    if "albar" in config.methods:
        config.methods.albar.frame = "still"
