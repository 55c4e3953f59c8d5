"""Masks as numpy arrays: the plainest way to bring one's own."""

from pathlib import Path

import numpy as np

from albar_jax.data import arrays
from albar_jax.errors import UserError
from albar_jax.masks import checks
from albar_jax.masks.base import Masks, NoMask, OpenVideo, existing, is_there, place_of
from albar_jax.storage import access


class NpzSource:
    """Masks in `<folder>/<video id>.npz`: `masks` (T, H, W), nonzero for the person.

    Probabilities are refused: few are 0, so nearly all pixels would count as the person.

    The optional array `frame_ids` (T,) has ascending frame numbers from 0; without it, masks are of
    frames 0 to T - 1.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def get(self, video: str) -> Masks:
        """Returns the masks of the video with this id; raises NoMask, or UserError for a file of another content."""
        path = place_of(self._folder, video, ".npz")
        if not is_there(path, self._folder):
            raise NoMask(f"{path} is not there")
        try:
            with access.StoredFile(path) as file:
                found = arrays.read_npz(file, ["masks"], ["frame_ids"])
            return _masks(**found)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} does not hold masks (T, H, W) and ascending frame_ids (T,): {error}"
            ) from error


def _masks(masks: np.ndarray, frame_ids: np.ndarray | None = None) -> Masks:
    if masks.dtype.kind not in "biuf":
        raise ValueError(f"masks are {masks.dtype}, not numbers")
    if masks.ndim != 3:
        raise ValueError(f"masks have the shape {masks.shape}")
    if masks.dtype.kind == "f" and (masks != np.rint(masks)).any():
        raise UserError("masks holds probabilities; threshold them, for example masks > 0.5")
    checks.room(*masks.shape, "masks")

    return Masks(masks != 0, np.arange(len(masks)) if frame_ids is None else frame_ids)


def make(location: str, open_video: OpenVideo) -> NpzSource:
    """Opens a folder of .npz files; raises UserError."""
    return NpzSource(existing(location, "folder"))
