"""Types that define a debiasing method."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import cast

from jaxtyping import Array, Float, Key

from albar_jax.types import LossFn, Params, Transform


@dataclasses.dataclass(frozen=True)
class Head:
    """An additional head on the pooled features, used only in training.

    Attributes:
      init: makes the parameters, a nested dict, from a key and the number of features.
      apply: computes the output from the parameters and the features (b, d). `Outputs.heads` has
        the output under the name that the method gives the head.
    """

    init: Callable[[Key[Array, ""], int], Params]
    apply: Callable[[Params, Float[Array, "b d"]], Array]


@dataclasses.dataclass(frozen=True)
class AuxNeed:
    """An auxiliary input that a method needs with each training clip.

    Attributes:
      field: field of `config.data` that states where the input comes from.
      example: example value of that field, for the error message if it is missing.
      is_exclusive: whether only one method of a combination may use the input.
      own_for: reason why each clip needs its own input, such as "albar.frame is 'still'". None if
        inputs may also be drawn from a bank.
      width: numbers per clip, for an input that is a vector; None if the source determines it.
    """

    field: str
    example: str
    is_exclusive: bool = False
    own_for: str | None = None
    width: int | None = None


PERSON_MASK = AuxNeed("masks", "png:DIR")
# Two methods would want different stills.
STILL = AuxNeed("stills", "data/hmdb51/stills.csv", is_exclusive=True)
SCENE = AuxNeed("scenes", "data/hmdb51/scenes.csv")


def needed(aux_input: Array | None) -> Array:
    """Returns an optional field of a batch that is in the method's `needs`.

    The loader provides every field that is needed, so it is never None.
    """
    return cast(Array, aux_input)


@dataclasses.dataclass(frozen=True)
class Method:
    """A debiasing method: transforms of the batch, and a loss.

    Attributes:
      transforms: applied in order, on the device, to the normalized batch before the loss sees it.
      loss: replaces plain cross-entropy; None keeps the loss of the methods it is combined with.
      heads: additional heads by name; their outputs are in every training pass
        (`albar_jax.methods.heads`).
      needs: optional field of `Batch` -> the need that the loader fulfils. The fields are
        "person_mask", "still" and "scene".
      min_frames: minimum number of frames in a clip.
      min_clips: minimum number of clips in a batch.
      keeps_clean: whether the loss reads `Batch.clean`, the batch before all transforms.
    """

    transforms: tuple[Transform, ...] = ()
    loss: LossFn | None = None
    heads: Mapping[str, Head] = dataclasses.field(default_factory=dict)
    needs: Mapping[str, AuxNeed] = dataclasses.field(default_factory=dict)
    min_frames: int = 1
    min_clips: int = 1
    keeps_clean: bool = False
