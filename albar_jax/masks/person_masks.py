"""The masks of the people in a training clip, from any source of masks."""

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

PROBES = (
    50  # videos that are looked at before training: a set where nobody is anywhere is a mistake
)


@dataclasses.dataclass(frozen=True)
class PersonMasks:
    """Masks (T, size, size) of the clips of a manifest; nobody is in frames, and in videos, that have none.

    `spec` names their source as on the command line of `albar synthesize`; row i is the video `ids[i]` at
    `paths[i]`. The source is opened at the first use, in the process that uses it.
    """

    spec: str
    ids: Sequence[str]
    paths: Sequence[str]

    def check(self) -> None:
        """Raises UserError if there is no such source, or it has no masks of any of the videos that are looked at."""
        source = masks.open_source(self.spec, self._open)
        looked_at = self.ids[:: max(1, len(self.ids) // PROBES)]
        if not any(_has_masks(source, name) for name in looked_at):
            raise UserError(
                f"config.data.masks={self.spec} has no masks of the {len(looked_at)} training videos that were looked "
                f"at, {looked_at[0]!r} first; is it the right folder or file?"
            )

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Bool[np.ndarray, "t h w"]:
        """See data.aux_inputs.AuxInput."""
        # Outside of the `try`: a source that cannot be opened is not a damaged mask.
        source = self._source
        try:
            found = source.get(self.ids[row])
        except NoMask:
            found = None
        except (
            UserError
        ) as error:  # one video's masks are damaged: the others are as good as before
            raise DecodeError(f"its masks cannot be read: {error}") from error
        if found is None or not len(found.frame_ids):
            return np.zeros((len(cut.frames), cut.size, cut.size), bool)
        place = np.searchsorted(found.frame_ids, cut.frames).clip(max=len(found.frame_ids) - 1)
        there = found.frame_ids[place] == cut.frames
        try:
            return _crop(found.masks[place] & there[:, None, None], cut)
        except NoMask as error:
            raise DecodeError(f"its masks cannot be used: {error}") from error

    def blank(self, spec: ClipSpec) -> Bool[np.ndarray, "t h w"]:
        """See data.aux_inputs.AuxInput."""
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
    except (UserError, DecodeError):  # damaged, but there
        return True


def _crop(found: Bool[np.ndarray, "t h w"], cut: Cut) -> Bool[np.ndarray, "t size size"]:
    """Cuts masks as the clip was cut; a mask has no half pixels, so each is the one under its centre."""
    top, left, height, width = cut.crop.box
    whole = pixels.resize(found, cut.height, cut.width)
    cropped = pixels.resize(whole[:, top : top + height, left : left + width], cut.size, cut.size)
    if cut.crop.flip:
        cropped = cropped[:, :, ::-1]
    return np.ascontiguousarray(np.roll(cropped, cut.crop.roll, axis=(1, 2)))
