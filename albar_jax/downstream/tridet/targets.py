"""Assigns segments to the points of a pyramid, with numpy."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.pyramid import Pyramid

# Segments within this length of the shortest one, in grid steps, all set their classes.
SAME_LENGTH = np.float32(1e-3)


class Targets(NamedTuple):
    """The targets of the p positions of one video.

    Attributes:
      classes: 1 for the classes of a point; several where segments with the same ends overlap.
      offsets: distances to both ends of the shortest segment, in strides; 0 at other points.
    """

    classes: Float[np.ndarray, "p c"]
    offsets: Float[np.ndarray, "p 2"]


def assign(
    segments: Float[np.ndarray, "n 2"],
    labels: Int[np.ndarray, " n"],
    pyramid: Pyramid,
    config: TridetConfig,
    num_classes: int,
) -> Targets:
    """Returns the targets of one video. (TriDet, meta_archs.py, label_points_single_video)

    A segment fits a point that is inside it, at most 1.5 strides from its centre, and whose farther
    end is within the range of the level. The shortest fitting segment gives the offsets.

    Args:
      segments: starts and ends in grid steps.
      labels: class of each segment.
      pyramid: layout of the positions.
      config: ranges of the levels, and the distance from the centre.
      num_classes: number of classes c.
    """
    size = pyramid.size
    if not len(segments):
        return Targets(np.zeros((size, num_classes), np.float32), np.zeros((size, 2), np.float32))

    # float32 as in the original, so that points at a border are decided in the same way.
    start, end = segments.astype(np.float32).T
    # (p, n)
    left = pyramid.time[:, None] - start
    right = end - pyramid.time[:, None]
    fits = _fits(left, right, np.stack([start, end]), pyramid, config)

    # A segment that does not fit is infinitely long.
    length = np.where(fits, end - start, np.float32(np.inf))
    shortest = length.min(axis=1, keepdims=True)
    is_shortest = fits & (length <= shortest + SAME_LENGTH)
    has_label = labels[:, None] == np.arange(num_classes)
    classes = (is_shortest.astype(np.int32) @ has_label.astype(np.int32) > 0).astype(np.float32)

    # Of equal lengths, the first segment gives the offsets.
    rows, chosen = np.arange(size), length.argmin(axis=1)
    offsets = np.stack([left[rows, chosen], right[rows, chosen]], axis=1)
    offsets = offsets / pyramid.stride[:, None] * fits.any(axis=1, keepdims=True)
    return Targets(classes, offsets.astype(np.float32))


def _fits(
    left: Float[np.ndarray, "p n"],
    right: Float[np.ndarray, "p n"],
    ends: Float[np.ndarray, "2 n"],
    pyramid: Pyramid,
    config: TridetConfig,
) -> np.ndarray:
    """Returns True (p, n) where a segment fits a point."""
    start, end = ends
    time = pyramid.time[:, None]
    centre = np.float32(0.5) * (start + end)
    reach = pyramid.stride[:, None] * np.float32(config.centre_radius)
    after = time - np.maximum(centre - reach, start)
    before = np.minimum(centre + reach, end) - time
    is_inside = np.minimum(after, before) > 0

    lowest, highest = np.array(config.ranges, np.float32)[pyramid.level].T[..., None]
    farther = np.maximum(left, right)
    is_in_range = (lowest <= farther) & (farther <= highest)

    return is_inside & is_in_range & pyramid.is_point[:, None]
