"""Reads masks from numpy arrays, the simplest format for a user's own masks."""

from pathlib import Path

import numpy as np

from albar_jax.data import arrays
from albar_jax.errors import UserError
from albar_jax.masks import checks
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, exists_in, path_of
from albar_jax.storage import access


class NpzSource:
    """Masks in `<folder>/<video id>.npz`: `masks` (T, H, W), nonzero for the person.

    Probabilities are refused: few are 0, so nearly all pixels would count as the person.

    The optional array `frame_ids` (T,) has ascending frame numbers from 0. Without it, the masks
    belong to frames 0 to T - 1.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def get(self, video: str) -> Masks:
        """Implements MaskSource."""
        path = path_of(self._folder, video, ".npz")
        if not exists_in(path, self._folder):
            raise NoMask(f"{path} does not exist")

        try:
            with access.StoredFile(path) as file:
                # Other arrays in the file are ignored.
                contents = arrays.read_npz(file, ["masks"], ["frame_ids"])
            return _masks(**contents)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} does not hold masks (T, H, W) and ascending frame_ids (T,): {error}"
            ) from error


def make(location: str, open_video: OpenVideo) -> NpzSource:
    """Opens a folder of .npz files.

    Args:
      location: path of the folder.
      open_video: not used.

    Raises:
      UserError: there is no such folder.
    """
    return NpzSource(existing(location, "folder"))


def _masks(masks: np.ndarray, frame_ids: np.ndarray | None = None) -> Masks:
    """Checks the arrays of a file. Raises UserError or ValueError if they are not masks."""
    if masks.dtype.kind not in "biuf":
        raise ValueError(f"masks are {masks.dtype}, not numbers")
    if masks.ndim != 3:
        raise ValueError(f"masks have the shape {masks.shape}")
    # Binary masks are often stored as 0.0 and 1.0.
    if masks.dtype.kind == "f" and (masks != np.rint(masks)).any():
        raise UserError("masks holds probabilities; threshold them, for example masks > 0.5")
    # The masks are kept as bool, one byte per pixel.
    count, height, width = masks.shape
    checks.check_memory(count, height, width, "masks")

    if frame_ids is None:
        frame_ids = np.arange(len(masks))
    return Masks(masks != 0, frame_ids)
