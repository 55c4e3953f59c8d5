"""The masks of several sources, joined."""

import functools
from collections.abc import Sequence

import numpy as np

from albar_jax.masks import checks, pixels
from albar_jax.masks.base import Masks, MaskSource, NoMask, OpenVideo, frame_size


class UnionSource:
    """What is in any of the sources. A video, or a frame, that a source lacks is as empty there.

    Where the sources have masks of different sizes, each is brought to the size of the video's frames first.
    """

    def __init__(self, sources: Sequence[MaskSource], open_video: OpenVideo):
        self._sources = sources
        self._open_video = open_video

    def get(self, video: str) -> Masks:
        """Returns the union for the video with this id; raises NoMask if no source has a mask for it."""
        found, reasons = [], []
        for source in self._sources:
            try:
                found.append(source.get(video))
            except NoMask as error:
                reasons.append(str(error))
        if not found:
            raise NoMask("; ".join(reasons))
        if len({masks.masks.shape[1:] for masks in found}) > 1:
            size = frame_size(self._open_video, video)
            for masks in found:
                checks.room(len(masks.masks), *size, video)
            found = [Masks(pixels.resize(masks.masks, *size), masks.frame_ids) for masks in found]
        return functools.reduce(_join, found)


def _join(one: Masks, other: Masks) -> Masks:
    frame_ids = np.union1d(one.frame_ids, other.frame_ids)
    masks = np.zeros((len(frame_ids), *one.masks.shape[1:]), bool)
    for part in (one, other):
        masks[np.searchsorted(frame_ids, part.frame_ids)] |= part.masks
    return Masks(masks, frame_ids)
