"""ALBAR on UCF101, split 1: fine-tunes a Video Swin-T that was trained on Kinetics-400.

    python train.py --config configs/ucf101.py --workdir runs/ucf101/albar
    python train.py --config configs/ucf101.py:ce --workdir runs/ucf101/ce

Expected accuracy of `albar`, as the paper reports it (ALBAR Table 2), in percent and with the
improved masks: IID 95.0, SCUBA 26.3, SCUFO 0.1, Confl-FG 54.0, contrasted accuracy 26.2. The
contrasted accuracy of `ce` is 17.5.
"""

from ml_collections import ConfigDict

from configs import base, recipe

# Options in StillMix's comparison of methods. (lihaoxin05/StillMix, configs/)
PUBLISHED = {
    "mixup": {"prob": 0.5},
    "videomix": {"prob": 0.5},
    "be": {"prob": 0.5},
    "actorcutmix": {"prob": 0.5},
    "fame": {"prob": 0.25},
    "stillmix": {"prob": 0.25},
}

STILLMIX = recipe.StillMixRecipe(
    rate=3.75e-4, weight_decay=0.01, rates={"videomix": 1.5e-4, "actorcutmix": 7.5e-5}
)


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the paper's recipe with the methods in `tokens`; see `recipe.apply_tokens`."""
    config = base.get_config()
    config.model.num_classes = 101
    config.data.manifest = "data/ucf101/manifest.csv"
    config.eval.suite = "ucf101"
    return recipe.apply_tokens(config, tokens, PUBLISHED, stillmix=STILLMIX)
