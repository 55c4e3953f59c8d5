"""Defines the interface of auxiliary inputs: person masks, stills or scene probabilities."""

from typing import Protocol

import numpy as np

from albar_jax.data.clip_reader import ClipSpec, Cut


class AuxInput(Protocol):
    """A source of one array per clip, which some methods need in addition to the clip.

    The object is pickled into the worker processes, and several threads call it at the same time.
    """

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> np.ndarray:
        """Returns the array of one clip, cropped, flipped and rolled like the clip.

        Args:
          row: row of the manifest.
          cut: frames, crop and size of the clip.
          rng: the only source of random numbers.

        Raises:
          DecodeError: the input cannot be read; the clip then counts as unreadable.
        """
        ...

    def blank(self, spec: ClipSpec) -> np.ndarray:
        """Returns the array for a clip that cannot be read."""
        ...
