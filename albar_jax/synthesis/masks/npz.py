"""Masks as numpy arrays: the plainest way to bring one's own."""

import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np

from albar_jax.data import storage
from albar_jax.errors import UserError
from albar_jax.synthesis.masks.base import Masks, NoMask, OpenVideo, existing, is_there, place_of

# numpy parses an array's header as Python, and the parser of Python 3.11 at times raises SystemError in one of two
# threads (github.com/python/cpython/issues/106905); the loader reads clips in many.
PARSER = threading.Lock()


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
            with storage.StoredFile(path) as file, PARSER, np.load(file, allow_pickle=False) as arrays:
                masks = arrays["masks"]
                frame_ids = arrays["frame_ids"] if "frame_ids" in arrays else np.arange(len(masks))
            if masks.dtype.kind == "f" and (masks != np.rint(masks)).any():
                raise UserError(f"{path}: masks holds probabilities; threshold them, as in masks > 0.5")
            return Masks(masks != 0, frame_ids)
        except UserError:
            raise
        except KeyError:
            raise UserError(f"{path} has no array 'masks' (T, H, W)") from None
        except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{path} does not hold masks (T, H, W) and ascending frame_ids (T,): {error}") from error


def make(location: str, open_video: OpenVideo) -> NpzSource:
    """Opens a folder of .npz files; raises UserError."""
    return NpzSource(existing(location, "folder"))
