"""Joins the masks of several sources."""

import functools
from collections.abc import Sequence

import numpy as np

from albar_jax.masks import checks, pixels
from albar_jax.masks.base import Masks, MaskSource, NoMask, OpenVideo, video_size


class UnionSource:
    """The union of several sources.

    A source that lacks a video or a frame adds nothing there. Masks of different sizes are first
    resized to the video's frames.
    """

    def __init__(self, sources: Sequence[MaskSource], open_video: OpenVideo):
        self._sources = sources
        self._open_video = open_video

    def get(self, video: str) -> Masks:
        """Implements MaskSource. Raises NoMask if no source has masks of the video."""
        parts: list[Masks] = []
        reasons: list[str] = []
        for source in self._sources:
            try:
                parts.append(source.get(video))
            # One source is enough.
            except NoMask as error:
                reasons.append(str(error))
        if not parts:
            raise NoMask("; ".join(reasons))

        # Sources of equal size need no decoding of the video.
        if len({part.masks.shape[1:] for part in parts}) > 1:
            parts = self._resized(parts, video)
        return functools.reduce(_join, parts)

    def _resized(self, parts: Sequence[Masks], video: str) -> list[Masks]:
        """Resizes masks to the video's frames."""
        _, height, width = video_size(self._open_video, video)
        for part in parts:
            checks.check_memory(len(part.masks), height, width, video)
        return [Masks(pixels.resize(part.masks, height, width), part.frame_ids) for part in parts]


def _join(one: Masks, other: Masks) -> Masks:
    # A frame has a mask if either source has one.
    frame_ids = np.union1d(one.frame_ids, other.frame_ids)
    masks = np.zeros((len(frame_ids), *one.masks.shape[1:]), bool)
    for part in (one, other):
        masks[np.searchsorted(frame_ids, part.frame_ids)] |= part.masks
    return Masks(masks, frame_ids)
