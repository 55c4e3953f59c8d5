"""Refuses weights that are not finite floating-point numbers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError


def refuse_unusable(arrays: Mapping[str, np.ndarray], source: str | Path) -> None:
    """Raises UserError unless all weights are finite floats.

    Args:
      arrays: weights by name.
      source: name of the file for the error, which also names the first bad array.
    """
    for name, array in arrays.items():
        if array.dtype.kind in "biuc":
            raise UserError(
                f"{source} holds {array.dtype} numbers where weights belong, {name} first; "
                "quantized and complex weights are not read: save them as float32"
            )

    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        others = f" of {len(broken)} arrays" if len(broken) > 1 else ""
        raise UserError(
            f"{source} holds numbers that are not finite (NaN, or too large for float32), "
            f"{broken[0]} first{others}; take an earlier checkpoint, or download the file again"
        )
