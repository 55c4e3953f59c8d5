"""Applies the tokens of `--config configs/NAME.py:TOKENS`, which choose methods and a recipe."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import method_options
from albar_jax.errors import UserError

RECIPES = ("released", "stillmix_recipe")
# Tokens that are variants of a method.
VARIANTS = {"albar_fast": "albar"}

# The options of `albar_fast`: ALBAR in at most 1.25 times the FLOPs of plain training. The costs of
# the alternatives are in docs/methods.md.
ALBAR_FAST = {
    # Two frames are one temporal token, which attends like the tokens of a whole clip.
    "static_frames": 2,
    "static_bias": "folded",
    # Noise on the still acts like a penalty and costs nothing.
    "penalty_weight": 0.0,
    "static_noise": 0.1,
}


@dataclasses.dataclass(frozen=True)
class StillMixRecipe:
    """StillMix's recipe for one data set. (lihaoxin05/StillMix, configs/stillmix/Swin-T)

    Attributes:
      rate: learning rate of the head at a batch of 24, as in its config.
      weight_decay: weight decay of its config.
      rates: exceptions to `rate`, by method.
      init: initial weights; None uses the init of the data set's config.
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
    """Applies tokens joined by "+": names of methods, and at most one recipe.

    Examples: `albar`, `ce`, `stillmix+albar`; `released` is ALBAR as in its released code, and
    `released+stillmix` adds StillMix; `stillmix_recipe` is StillMix as in its paper, and
    `stillmix_recipe+albar` is ALBAR with that recipe. `albar_fast` is ALBAR with the options of
    `ALBAR_FAST`, in each combination.

    Args:
      config: config of the data set, changed in place.
      tokens: methods, and at most one recipe.
      published: method options for this data set that differ from the defaults (HMDB51).
      stillmix: StillMix's recipe for this data set; None if there is none.

    Raises:
      UserError: a method is unknown, there are two recipes, or `stillmix` is None but needed.
    """
    names = tokens.split("+")
    recipes = [name for name in names if name in RECIPES]
    if len(recipes) > 1:
        raise UserError(
            f"{tokens!r} names {len(recipes)} recipes, {' and '.join(recipes)}; name one of them"
        )

    config.name = tokens
    # Methods first: a recipe changes the options of some of them.
    _set_methods(config, names, published or {})

    if "released" in recipes:
        released(config)
    if "stillmix_recipe" in recipes:
        stillmix_recipe(config, stillmix)
    if "albar_fast" in names:
        set_albar_fast(config)
    return config


def set_albar_fast(config: ConfigDict) -> None:
    """Changes the options of ALBAR to `ALBAR_FAST`; a config that changes them later repeats it."""
    config.methods.albar.update(ALBAR_FAST)


def _set_methods(
    config: ConfigDict, names: Sequence[str], published: Mapping[str, Mapping[str, Any]]
) -> None:
    """Sets `config.methods`; a recipe without a named method gets its default method."""
    methods = [VARIANTS.get(name, name) for name in names if name not in RECIPES]
    # `released` and `released+stillmix` imply ALBAR.
    if "released" in names and not {"albar", "ce"} & set(methods):
        methods.append("albar")
    if "stillmix_recipe" in names and not methods:
        methods.append("stillmix")

    config.methods = method_options(*methods)
    for name in set(methods) & set(published):
        config.methods[name].update(published[name])


def released(config: ConfigDict) -> None:
    """Applies the differences of ALBAR's released code from its paper."""
    if "albar" in config.methods:
        config.methods.albar.entropy_weight = 4.25
        config.methods.albar.penalty_norm = "column"
        if len(config.methods) > 1:
            config.methods.albar.static_of = "clean"

    config.batch_size = 6
    config.optim.peak_lr = 1e-5
    config.optim.scale_lr_from_batch = 6
    config.optim.weight_decay = 0.05
    config.optim.schedule = "released"

    # The released code validates on the test split. This is a reference, so that a flag for the
    # test split changes both.
    config.data.validation_split = config.data.get_ref("test_split")
    config.eval.clip = "start"


def stillmix_recipe(config: ConfigDict, recipe: StillMixRecipe | None) -> None:
    """Applies the recipe that trained and tested StillMix and its baselines, for any method.

    The batch is two GPUs with 12 clips each, as in its train.sh; the paper does not state it.

    Raises:
      UserError: `recipe` is None.
    """
    if recipe is None:
        raise UserError(
            "stillmix_recipe is the recipe of StillMix for HMDB51, UCF101 and Kinetics-400; use it "
            "with configs/hmdb51.py, ucf101.py, kinetics400.py or custom.py"
        )

    # StillMix's recipe draws stills from a bank. ALBAR's released code draws them from the batch.
    if "stillmix" in config.methods and "albar" not in config.methods:
        config.methods.stillmix.stills = "bank"
        config.data.stills = "{folder}/stills.csv"

    config.init = recipe.init or config.init
    config.model.head_dropout = 0.5
    config.model.head_init = "i3d"
    config.data.short = "loop"
    config.data.starts = "inclusive"
    # Train on all videos; the last checkpoint is the result.
    config.data.validation_fraction = 0.0

    _stillmix_optimiser(config, recipe)
    _stillmix_views(config, recipe)


def _stillmix_optimiser(config: ConfigDict, recipe: StillMixRecipe) -> None:
    # A combination has the lowest rate of its methods.
    head_rates = [recipe.rate]
    for name in config.methods:
        if name in recipe.rates:
            head_rates.append(recipe.rates[name])

    config.batch_size = 24
    config.optim.scale_lr_from_batch = 24
    config.optim.head_rate = 10.0
    # The backbone's learning rate is a tenth of the head's.
    config.optim.peak_lr = min(head_rates) / config.optim.head_rate
    config.optim.weight_decay = recipe.weight_decay
    config.optim.decay = "no_norms"
    config.optim.schedule = "epoch_cosine"
    # The warm-up takes 2.5 of 30 epochs.
    config.optim.warmup_fraction = 2.5 / 30
    config.optim.warmup_start = 0.1
    config.train.epochs = 30.0


def _stillmix_views(config: ConfigDict, recipe: StillMixRecipe) -> None:
    config.eval.iid.temporal_views = 4
    config.eval.iid.spatial_views = 3
    config.eval.iid.short_side = 224

    # With 1 crop, the bias sets inherit the usual view of 256.
    if recipe.bias_crops == 3:
        config.eval.bias.spatial_views = 3
        config.eval.bias.short_side = 224

    config.eval.conflfg.short_side = 224
    config.eval.conflfg.shape = "square"
