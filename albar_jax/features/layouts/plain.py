"""Writes one .npy a video, as `FeatureSet` and the heads of `albar downstream` read them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from albar_jax.errors import UserError
from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.features.layouts.base import LayoutKind
from albar_jax.features.row_file import Rows, in_blocks
from albar_jax.storage.inside import parts_of


class PlainLayout:
    """Files `<id>.npy`: float32 (T, C) of one crop, (T, crops, C) of several.

    Args:
      info: the settings of the features.
    """

    def __init__(self, info: FeatureInfo):
        self._crops = info.crops
        self._width = info.width

    def path_of(self, video: str, split: str | None) -> tuple[str, ...]:
        """See `Layout.path_of`."""
        return parts_of(f"{video}.npy")

    def shape_of(self, rows: int, split: str | None) -> tuple[int, ...]:
        """See `Layout.shape_of`."""
        crops = () if self._crops == 1 else (self._crops,)
        return rows, *crops, self._width

    def blocks(self, rows: Rows, split: str | None) -> Iterator[Float32[np.ndarray, "..."]]:
        """See `Layout.blocks`."""
        for block in in_blocks(rows):
            yield block.reshape(self.shape_of(len(block), split))

    def finish(self, out: Path, videos: Mapping[str, VideoInfo]) -> Sequence[str]:
        """Writes nothing: `features.json` says everything."""
        return ()


def open_plain(info: FeatureInfo, manifest: Path | None, segments: bool) -> PlainLayout:
    """Returns the layout. Raises UserError for segments, which only MGFN reads."""
    if segments:
        raise UserError(
            "--segments is for --layout mgfn; the heads of `albar downstream` cut the videos of "
            "--layout plain themselves"
        )
    return PlainLayout(info)


KIND = LayoutKind("one .npy a video, which `albar downstream` reads", open_plain)
