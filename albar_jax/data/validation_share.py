"""Splits a manifest into a training and a validation share."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from albar_jax.data.hold_out import draw_groups, join
from albar_jax.data.manifest import Manifest
from albar_jax.data.same_file import file_keys
from albar_jax.errors import UserError

HoldOut = Literal["group", "video"]


def hold_out(
    manifest: Manifest, fraction: float = 0.2, *, seed: int, by: HoldOut = "group"
) -> tuple[Manifest, Manifest]:
    """Splits off a random validation share: (train, validation), each in manifest order.

    Rows of one group, and rows of one file, stay on one side; see `draw_groups`. If every row has
    its own group, the share is drawn from all rows regardless of class.

    Args:
      manifest: the training split.
      fraction: share of its rows, between 0 and 1.
      seed: random seed of the draw.
      by: "group" or "video", which ignores groups.

    Raises:
      UserError: one side would be empty.
    """
    held = _draw_rows(manifest, fraction, seed, by)
    count = int(held.sum())

    if not 0 < count < len(manifest):
        message = (
            f"a validation share of {fraction} of {len(manifest)} videos leaves "
            f"{len(manifest) - count} to train on and {count} to validate on; both need at least "
            "one"
        )
        if not count:
            message += (
                "; every class has videos of one group only, so name config.data.validation_split "
                "instead"
            )
        raise UserError(message)

    return manifest.take(np.flatnonzero(~held)), manifest.take(np.flatnonzero(held))


def _draw_rows(
    manifest: Manifest, fraction: float, seed: int, by: HoldOut
) -> Bool[np.ndarray, " n"]:
    """Draws the validation rows and returns them as a mask."""
    groups = units(manifest, by)
    if groups.max(initial=-1) + 1 < len(manifest):
        return draw_groups(manifest.labels, groups, fraction, seed)

    count = round(fraction * len(manifest))
    drawn = np.random.default_rng(seed).permutation(len(manifest))[:count]
    return np.isin(np.arange(len(manifest)), drawn)


def units(manifest: Manifest, by: HoldOut) -> Int[np.ndarray, " n"]:
    """Returns the group number of each row, from 0; rows of one group are held out together."""
    files = file_keys(manifest.paths)
    if by == "group" and manifest.groups:
        # None matches no other row.
        return join(files, [group or None for group in manifest.groups])
    return join(files)
