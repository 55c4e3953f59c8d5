"""Reads JHMDB's puppet masks: hand-drawn outlines of the actor (Jhuang et al., ICCV 2013)."""

from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, exists_in, path_of
from albar_jax.masks.mat import read_mat
from albar_jax.storage import access

FOLDER = "puppet_mask"
FILE = "puppet_mask.mat"
VARIABLE = "part_mask"


class JhmdbSource:
    """Masks in `<folder>/<class>/<video>/puppet_mask.mat`, for ids `<class>/<video>`.

    Mask i belongs to frame i. The last frames of some videos have none.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def get(self, video: str) -> Masks:
        """Implements MaskSource."""
        path = path_of(self._folder, f"{video}/{FILE}")
        if not exists_in(path, self._folder):
            raise NoMask(f"{path} does not exist")

        try:
            with access.StoredFile(path) as file:
                array = read_mat(file, VARIABLE)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not a readable MATLAB file: {error}") from error
        if array is None:
            raise UserError(f"{path} has no variable {VARIABLE}; use the puppet masks of JHMDB")
        # Other MATLAB files may use this name for another array.
        if array.ndim not in (2, 3) or not array.size:
            raise UserError(
                f"{path}: {VARIABLE} is {array.dtype} {array.shape}, not (height, width, frames)"
            )

        # MATLAB drops the last axis of a video of one frame.
        masks = np.moveaxis(array.reshape(*array.shape[:2], -1), -1, 0) > 0
        return Masks(np.ascontiguousarray(masks), np.arange(len(masks)))


def make(location: str, open_video: OpenVideo) -> JhmdbSource:
    """Opens JHMDB's masks.

    Args:
      location: path of the folder puppet_mask, or of the folder that contains it.
      open_video: not used.

    Raises:
      UserError: there is no such folder.
    """
    folder = existing(location, "folder")
    # Users may give the folder of the download.
    if (folder / FOLDER).is_dir():
        folder = folder / FOLDER
    return JhmdbSource(folder)
