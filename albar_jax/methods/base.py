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
    """A debiasing method: transforms of the batch, and a loss.

    Attributes:
      transforms: applied in order, on the device, to the normalised batch before the loss sees it.
      loss: replaces plain cross-entropy; None keeps the loss of the methods it is combined with.
      heads: additional heads by name; their outputs are in every training pass
        (`albar_jax.methods.heads`).
      needs: names of the optional `Batch` fields that the loader must provide.
      min_frames: minimum number of frames in a clip.
      min_clips: minimum number of clips in a batch.
      keeps_clean: whether the loss reads `Batch.clean`, the batch before all transforms.
    """

    transforms: tuple[Transform, ...] = ()
    loss: LossFn | None = None
    heads: Mapping[str, Head] = dataclasses.field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    min_frames: int = 1
    min_clips: int = 1
    keeps_clean: bool = False
