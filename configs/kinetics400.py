"""ALBAR on Kinetics-400: fine-tunes a Video Swin-T that was trained on the same data set.

    python train.py --config configs/kinetics400.py --workdir runs/kinetics400/albar
    python train.py --config configs/kinetics400.py:ce --workdir runs/kinetics400/ce

Expected accuracy of `albar`, as the paper reports it (ALBAR Table 6), in percent: IID 67.6, SCUBA
44.8, SCUFO 0.1, ARAS 59.8, contrasted accuracy 44.7. The contrasted accuracy of `ce` is 25.8.
"""

from ml_collections import ConfigDict

from configs import base, recipe

# Options in StillMix's comparison of methods.
# (lihaoxin05/StillMix, configs/stillmix/Swin-T/IN_pretrain/kinetics400)
PUBLISHED = {
    "mixup": {"prob": 1.0},
    "videomix": {"prob": 0.75},
    "be": {"prob": 0.5},
    "fame": {"prob": 0.25},
    "stillmix": {"prob": 0.25, "alpha": 20.0, "beta": 60.0},
}

# Starts from inflated ImageNet weights. The bank uses `--low 0.5` of `albar reference-net`.
# StillMix's train.sh instead has `--low 0.75` with --config.methods.stillmix.alpha=100
# --config.methods.stillmix.beta=300.
STILLMIX = recipe.StillMixRecipe(
    rate=7.5e-4, weight_decay=0.02, init="torchvision:swin_t", bias_crops=1
)


def get_config(tokens: str = "albar") -> ConfigDict:
    """Returns the paper's recipe with the methods in `tokens`; see `recipe.apply_tokens`."""
    config = base.get_config()
    config.model.num_classes = 400
    config.data.manifest = "data/kinetics400/manifest.csv"
    # As is usual: the labels of the split "test" were published late, and few have its videos.
    config.data.test_split = "val"
    config.train.save_every_epochs = 0.1
    config.eval.suite = "kinetics400"
    return recipe.apply_tokens(config, tokens, PUBLISHED, stillmix=STILLMIX)
