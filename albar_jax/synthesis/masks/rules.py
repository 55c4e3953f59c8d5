"""Which masks are good enough, and what becomes of frames that have none."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from albar_jax.synthesis.masks.base import Masks


@dataclasses.dataclass(frozen=True)
class MaskRules:
    """What is done with a source's masks, in this order."""

    smooth_frames: int = 0
    min_area: float = 0.0
    min_valid_share: float = 0.0
    dilate: int = 0
    missing: Literal["drop", "empty", "hold"] = "drop"


def apply(
    masks: Masks, rules: MaskRules, num_frames: int, height: int, width: int
) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
    """Returns the masks at the size of the frames, and the numbers of the frames that are kept; raises NoMask."""
    raise NotImplementedError
