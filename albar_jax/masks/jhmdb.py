"""JHMDB's puppet masks: the outline of the actor in each frame, drawn by hand (Jhuang et al., ICCV 2013)."""

from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, is_there, place_of
from albar_jax.masks.mat import read_mat
from albar_jax.storage import access

FOLDER = "puppet_mask"
FILE = "puppet_mask.mat"
VARIABLE = "part_mask"


class JhmdbSource:
    """`<folder>/<class>/<video>/puppet_mask.mat`, found by ids `<class>/<video>`.

    Mask i belongs to frame i. The last frames of some videos have none.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def get(self, video: str) -> Masks:
        """Returns the masks of the video with this id; raises NoMask, or UserError for a damaged file."""
        path = place_of(self._folder, f"{video}/{FILE}")
        if not is_there(path, self._folder):
            raise NoMask(f"{path} is not there")
        try:
            with access.StoredFile(path) as file:
                parts = read_mat(file, VARIABLE)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not a readable MATLAB file: {error}") from error
        if parts is None:
            raise UserError(f"{path} has no variable {VARIABLE}; use the puppet masks of JHMDB")
        if parts.ndim not in (2, 3) or not parts.size:
            raise UserError(
                f"{path}: {VARIABLE} is {parts.dtype} {parts.shape}, not (height, width, frames)"
            )
        # MATLAB drops the last axis of a video of one frame.
        masks = np.moveaxis(parts.reshape(*parts.shape[:2], -1), -1, 0) > 0
        return Masks(np.ascontiguousarray(masks), np.arange(len(masks)))


def make(location: str, open_video: OpenVideo) -> JhmdbSource:
    """Opens JHMDB's folder, or its folder puppet_mask; raises UserError."""
    folder = existing(location, "folder")
    return JhmdbSource(folder / FOLDER if (folder / FOLDER).is_dir() else folder)
