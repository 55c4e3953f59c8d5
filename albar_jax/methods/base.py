"""What a debiasing method is."""

import dataclasses

from albar_jax.types import LossFn, Transform


@dataclasses.dataclass(frozen=True)
class Method:
    """A debiasing method: how it changes a batch, and what it minimises.

    Attributes:
      transforms: applied in order, on the device, to the normalised batch before the loss sees it.
      loss: replaces plain cross-entropy; None keeps whatever loss the methods beside it have.
      needs: names of the optional fields of `Batch` that the loader has to bring.
    """

    transforms: tuple[Transform, ...] = ()
    loss: LossFn | None = None
    needs: frozenset[str] = frozenset()
