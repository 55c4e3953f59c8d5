"""What a debiasing method is."""

import dataclasses
from collections.abc import Callable, Mapping

from jaxtyping import Array, Float, Key

from albar_jax.types import LossFn, Params, Transform


@dataclasses.dataclass(frozen=True)
class Head:
    """A second head on the pooled features, which only training has.

    Attributes:
      init: makes its parameters, a nested dict, given a key and the number of features.
      apply: what it says of features (b, d); it arrives in `Outputs.heads` under the name that the method gives it.
    """

    init: Callable[[Key[Array, ""], int], Params]
    apply: Callable[[Params, Float[Array, "b d"]], Array]


@dataclasses.dataclass(frozen=True)
class Method:
    """A debiasing method: how it changes a batch, and what it minimises.

    Attributes:
      transforms: applied in order, on the device, to the normalised batch before the loss sees it.
      loss: replaces plain cross-entropy; None keeps whatever loss the methods beside it have.
      heads: by name; what they say is in the outputs of every training pass (`albar_jax.methods.heads`).
      needs: names of the optional fields of `Batch` that the loader has to bring.
      min_frames: frames that a clip must have for the method to do anything.
      min_clips: clips that a batch must have for that.
      keeps_clean: whether the loss reads `Batch.clean`, the batch before all transforms.
    """

    transforms: tuple[Transform, ...] = ()
    loss: LossFn | None = None
    heads: Mapping[str, Head] = dataclasses.field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    min_frames: int = 1
    min_clips: int = 1
    keeps_clean: bool = False
