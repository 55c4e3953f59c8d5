"""What goes along with a clip because a method needs it: masks, a still, a scene."""

from typing import Protocol

import numpy as np

from albar_jax.data.clip_reader import ClipSpec, Cut


class AuxInput(Protocol):
    """An array for each clip. It is pickled to the worker processes, and read by several threads at once."""

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> np.ndarray:
        """Returns the array for a clip of row `row` of the manifest, cropped, flipped and rolled as it is.

        What is random is drawn from `rng` alone. Raises DecodeError, and the clip counts as unreadable.
        """

    def blank(self, spec: ClipSpec) -> np.ndarray:
        """Returns the array for a clip that cannot be read."""
