"""ALBAR on your own videos: a folder of class folders, or any list of videos and labels.

    albar prepare folder --videos my_videos --out data/custom
    python train.py --config configs/custom.py --workdir runs/custom/albar

The number of classes is taken from the manifest.
"""

from ml_collections import ConfigDict

from configs import base, hmdb51, recipe


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the paper's recipe with the methods in `tokens`; other recipes are as for HMDB51."""
    config = base.get_config()
    config.data.manifest = "data/custom/manifest.csv"
    config.eval.suite = "custom"
    # `num_classes` stays None, and `published` is left out: options of methods have their defaults.
    return recipe.apply_tokens(config, tokens, stillmix=hmdb51.STILLMIX)
