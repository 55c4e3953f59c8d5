"""How the part of `--config configs/<name>.py:TOKENS` behind the colon picks methods and recipes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import method_options
from albar_jax.errors import UserError

RECIPES = ("released", "stillmix_recipe")


@dataclasses.dataclass(frozen=True)
class StillMixRecipe:
    """StillMix's recipe for one data set. (lihaoxin05/StillMix, configs/stillmix/Swin-T)

    Attributes:
      rate: learning rate of the head at a batch of 24, as in its config.
      weight_decay: weight decay of its config.
      rates: exceptions of `rate`, by method.
      init: initial weights; None keeps the data set's config.
      bias_crops: crops of a test video of the bias sets: 3 at a short side of 224, or 1 at 256.
    """

    rate: float
    weight_decay: float
    rates: Mapping[str, float] = dataclasses.field(default_factory=dict)
    init: str | None = None
    bias_crops: int = 3


def apply_tokens(
    config: ConfigDict,
    tokens: str,
    published: Mapping[str, Mapping[str, Any]] | None = None,
    stillmix: StillMixRecipe | None = None,
) -> ConfigDict:
    """Applies tokens joined by "+": names of methods and at most one recipe.

    `albar`, `ce`, `stillmix+albar`; `released` (ALBAR as in its released code), `released+stillmix`; `stillmix_recipe`
    (StillMix as in its paper), `stillmix_recipe+albar`.

    Args:
      config: config of the data set, changed in place.
      tokens: methods, and at most one recipe.
      published: method options for this data set that differ from the defaults (HMDB51).
      stillmix: StillMix's recipe for this data set; None if there is none.

    Raises:
      UserError: a method is unknown, there are two recipes, or StillMix has none here.
    """
    names = tokens.split("+")
    config.name = tokens
    chosen = [name for name in names if name in RECIPES]
    if len(chosen) > 1:
        raise UserError(
            f"{tokens!r} names {len(chosen)} recipes, {' and '.join(chosen)}; name one of them"
        )
    methods = [name for name in names if name not in RECIPES]
    if "released" in chosen and not {"albar", "ce"} & set(methods):
        methods.append("albar")
    if "stillmix_recipe" in chosen and not methods:
        methods.append("stillmix")
    config.methods = method_options(*methods)
    for name in set(methods) & set(published or {}):
        config.methods[name].update(published[name])

    if "released" in chosen:
        released(config)
    if "stillmix_recipe" in chosen:
        stillmix_recipe(config, stillmix)
    return config


def released(config: ConfigDict) -> None:
    """Where the released code of ALBAR differs from the paper."""
    if "albar" in config.methods:
        config.methods.albar.entropy_weight = 4.25
        config.methods.albar.penalty_norm = "column"
        if len(config.methods) > 1:
            config.methods.albar.static_of = "clean"
    config.batch_size = 6
    config.optim.base_lr = 1e-5 * 64 / 6  # 1e-5 at the batch of 6.
    config.optim.weight_decay = 0.05
    config.optim.schedule = "released"
    config.data.validation_split = config.data.get_ref("test_split")  # whatever flags make it
    config.eval.clip = "start"


def stillmix_recipe(config: ConfigDict, recipe: StillMixRecipe | None) -> None:
    """Applies the recipe that trained and tested StillMix and its baselines, for any method.

    The batch is two GPUs with 12 clips each, as in its train.sh; the paper does not state it.
    """
    if recipe is None:
        raise UserError(
            "stillmix_recipe is the recipe of StillMix for HMDB51, UCF101 and Kinetics-400; use it with "
            "configs/hmdb51.py, ucf101.py, kinetics400.py or custom.py"
        )
    # StillMix draws stills from a bank, but from the batch in ALBAR's released code.
    if "stillmix" in config.methods and "albar" not in config.methods:
        config.methods.stillmix.stills = "bank"
        config.data.stills = "{folder}/stills.csv"
    config.init = recipe.init or config.init
    config.batch_size = 24
    config.model.head_dropout = 0.5
    config.model.head_init = "i3d"
    config.data.short, config.data.starts = "loop", "inclusive"
    # Train on all videos; the last checkpoint is the result.
    config.data.validation_fraction = 0.0
    _stillmix_optimiser(config, recipe)
    _stillmix_views(config, recipe)


def _stillmix_optimiser(config: ConfigDict, recipe: StillMixRecipe) -> None:
    rates = [recipe.rates[name] for name in config.methods if name in recipe.rates]
    config.optim.head_rate = 10.0
    # The backbone's rate is a tenth of the head's.
    config.optim.base_lr = min([*rates, recipe.rate]) / config.optim.head_rate * 64 / 24
    config.optim.weight_decay = recipe.weight_decay
    config.optim.decay = "no_norms"
    config.optim.schedule = "epoch_cosine"
    config.optim.warmup_fraction, config.optim.warmup_start = 2.5 / 30, 0.1
    config.train.epochs = 30.0


def _stillmix_views(config: ConfigDict, recipe: StillMixRecipe) -> None:
    config.eval.iid.temporal_views, config.eval.iid.spatial_views = 4, 3
    config.eval.iid.short_side = 224
    if recipe.bias_crops == 3:
        config.eval.bias.spatial_views, config.eval.bias.short_side = 3, 224
    config.eval.conflfg.short_side, config.eval.conflfg.shape = 224, "square"
