"""ALBAR on HMDB51, split 1: fine-tunes a Video Swin-T that was trained on Kinetics-400.

    python train.py --config configs/hmdb51.py --workdir runs/hmdb51/albar
    python train.py --config configs/hmdb51.py:ce --workdir runs/hmdb51/ce

`:released` is the recipe of ALBAR's released code, `:stillmix_recipe+albar` ALBAR by the recipe of
StillMix's paper. The paper does not say which of the two trained the baselines of ALBAR's Table 1.

The paper reports, in percent and as means of three seeds: IID 72.8, SCUBA 53.5, SCUFO 1.5, Confl-FG 48.1,
contrasted accuracy 53.2; plain cross-entropy reaches a contrasted accuracy of 27.8. (ALBAR Table 1)
All its ALBAR figures by background are multiples of 1/2560, so they look like single runs.
"""

from ml_collections import ConfigDict

from configs import base, recipe

STILLMIX = recipe.StillMixRecipe(rate=3.75e-4, weight_decay=0.05)


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the paper's recipe with the methods in `tokens`; see `recipe.apply_tokens`."""
    config = base.get_config()
    config.model.num_classes = 51
    config.data.manifest = "data/hmdb51/manifest.csv"
    config.eval.suite = "hmdb51"
    return recipe.apply_tokens(config, tokens, stillmix=STILLMIX)
