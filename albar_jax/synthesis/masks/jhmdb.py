"""JHMDB's puppet masks: the outline of the actor in each frame, drawn by hand (Jhuang et al., ICCV 2013)."""

from pathlib import Path

import numpy as np
import scipy.io

from albar_jax.data import storage
from albar_jax.errors import StorageError, UserError
from albar_jax.synthesis.masks.base import Masks, NoMask, OpenVideo, existing, is_there, place_of

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
            with storage.StoredFile(path) as file:
                parts = scipy.io.loadmat(file, variable_names=[VARIABLE])[VARIABLE]
        except StorageError:
            raise
        except KeyError:
            raise UserError(f"{path} has no variable {VARIABLE}; is it a file of JHMDB?") from None
        except Exception as error:  # a damaged file fails anywhere in scipy's parser, with any error
            raise UserError(f"{path} is not a readable MATLAB file: {error}") from error
        if parts.ndim not in (2, 3) or parts.dtype.kind not in "biuf":
            raise UserError(f"{path}: {VARIABLE} is {parts.dtype} {parts.shape}, not numbers (height, width, frames)")
        # MATLAB drops the last axis of a video of one frame.
        masks = np.moveaxis(parts.reshape(*parts.shape[:2], -1), -1, 0) > 0
        return Masks(np.ascontiguousarray(masks), np.arange(len(masks)))


def make(location: str, open_video: OpenVideo) -> JhmdbSource:
    """Opens JHMDB's folder, or its folder puppet_mask; raises UserError."""
    folder = existing(location, "folder")
    return JhmdbSource(folder / FOLDER if (folder / FOLDER).is_dir() else folder)
