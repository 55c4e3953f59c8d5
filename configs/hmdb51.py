"""ALBAR on HMDB51, split 1: fine-tunes a Video Swin-T that was trained on Kinetics-400.

    python train.py --config configs/hmdb51.py --workdir runs/hmdb51/albar
    python train.py --config configs/hmdb51.py:ce --workdir runs/hmdb51/ce

The token `released` is the recipe of ALBAR's released code. `stillmix_recipe+albar` is ALBAR with
the recipe of StillMix's paper. ALBAR's paper does not say which of the two trained the baselines of
its Table 1.

Expected accuracy of `albar`, as the paper reports it (ALBAR Table 1), in percent and as means of
three seeds: IID 72.8, SCUBA 53.5, SCUFO 1.5, Confl-FG 48.1, contrasted accuracy 53.2. The
contrasted accuracy of `ce` is 27.8. All figures of ALBAR by background are multiples of 1/2560,
so they are probably from single runs.
"""

from ml_collections import ConfigDict

from configs import base, recipe

# The default options of methods are those published for HMDB51, so there is no table of them here.
STILLMIX = recipe.StillMixRecipe(rate=3.75e-4, weight_decay=0.05)


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the paper's recipe with the methods in `tokens`; see `recipe.apply_tokens`."""
    config = base.get_config()
    config.model.num_classes = 51
    config.data.manifest = "data/hmdb51/manifest.csv"
    config.eval.suite = "hmdb51"
    return recipe.apply_tokens(config, tokens, stillmix=STILLMIX)
