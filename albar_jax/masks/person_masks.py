"""Provides the masks of the people in a training clip, from any source of masks."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from albar_jax import masks
from albar_jax.data.clip_reader import ClipSpec, Cut
from albar_jax.data.decode import DecodeError, Video, open_video
from albar_jax.errors import UserError
from albar_jax.masks import pixels
from albar_jax.masks.base import MaskSource, NoMask

# Videos that are checked for masks before training. If none has masks, the source is wrong.
PROBES = 50


@dataclasses.dataclass(frozen=True)
class PersonMasks:
    """The masks (T, size, size) of the clips of a manifest, an auxiliary input.

    Frames and videos without a mask have an empty one. The source is opened on first use, in the
    process that uses it.

    Attributes:
      spec: the source as written on the command line; see `albar_jax.masks`.
      ids: ids of the videos, by row of the manifest.
      paths: paths of the videos, by row of the manifest.
    """

    spec: str
    ids: Sequence[str]
    paths: Sequence[str]

    def check(self) -> None:
        """Checks that the source exists and has masks for some videos.

        Raises:
          UserError: there is no such source, or none of the videos that are checked has masks. They
            are spread evenly over the manifest.
        """
        source = masks.open_source(self.spec, self._open)
        probes = self.ids[:: max(1, len(self.ids) // PROBES)]
        if not any(_has_masks(source, name) for name in probes):
            raise UserError(
                f"config.data.masks={self.spec} has no masks of the {len(probes)} training videos "
                f"that were looked at, {probes[0]!r} first; is it the right folder or file?"
            )

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Bool[np.ndarray, "t h w"]:
        """Implements data.aux_inputs.AuxInput."""
        # Outside of the `try`: a source that cannot be opened is not a damaged mask.
        source = self._source
        try:
            video_masks = source.get(self.ids[row])
        except NoMask:
            video_masks = None
        # The masks of this video are damaged, but other videos can still be used.
        except UserError as error:
            raise DecodeError(f"its masks cannot be read: {error}") from error

        if video_masks is None or not len(video_masks.frame_ids):
            return np.zeros((len(cut.frames), cut.size, cut.size), bool)

        # The index of each frame's mask, if the frame has one.
        index = np.searchsorted(video_masks.frame_ids, cut.frames)
        index = index.clip(max=len(video_masks.frame_ids) - 1)
        has_mask = video_masks.frame_ids[index] == cut.frames
        try:
            return _crop(video_masks.masks[index] & has_mask[:, None, None], cut)
        except NoMask as error:
            raise DecodeError(f"its masks cannot be used: {error}") from error

    def blank(self, spec: ClipSpec) -> Bool[np.ndarray, "t h w"]:
        """Implements data.aux_inputs.AuxInput."""
        return np.zeros((spec.num_frames, spec.size, spec.size), bool)

    @functools.cached_property
    def _source(self) -> MaskSource:
        return masks.open_source(self.spec, self._open)

    @functools.cached_property
    def _path_of(self) -> dict[str, str]:
        return dict(zip(self.ids, self.paths, strict=True))

    def _open(self, name: str) -> Video:
        return open_video(self._path_of[name])


def _has_masks(source: MaskSource, name: str) -> bool:
    try:
        return len(source.get(name).frame_ids) > 0
    except NoMask:
        return False
    # Damaged masks exist, too.
    except (UserError, DecodeError):
        return True


def _crop(frame_masks: Bool[np.ndarray, "t h w"], cut: Cut) -> Bool[np.ndarray, "t size size"]:
    """Crops and resizes masks like the clip.

    A mask has no fractional pixels, so each output pixel is the input pixel at its centre.
    """
    top, left, height, width = cut.crop.box
    whole = pixels.resize(frame_masks, cut.height, cut.width)
    cropped = pixels.resize(whole[:, top : top + height, left : left + width], cut.size, cut.size)

    if cut.crop.flip:
        cropped = cropped[:, :, ::-1]
    return np.ascontiguousarray(np.roll(cropped, cut.crop.roll, axis=(1, 2)))
