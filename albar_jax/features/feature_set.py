"""Reads sets of features in the layout `plain`: one .npy a video, and `features.json`."""

import io
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int

from albar_jax.data import arrays
from albar_jax.errors import UserError
from albar_jax.features import feature_info
from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.storage import access
from albar_jax.storage.inside import joined, parts_of


class FeatureSet:
    """The features of a set of videos, which one encoder has made with one kind of windows.

    Args:
      folder: folder of the features.

    Attributes:
      folder: the folder.
      info: the settings that determine the features.
      videos: the videos by id.
      unreadable: reason by id of each video that could not be read.

    Raises:
      UserError: the folder has no `features.json`, or it is damaged or of another layout.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        self.info: FeatureInfo
        self.videos: dict[str, VideoInfo]
        self.unreadable: dict[str, str]
        self.info, self.videos, self.unreadable = feature_info.read(self.folder)

        if self.info.layout != "plain":
            raise UserError(
                f"{self.folder} holds features in the layout {self.info.layout!r}, which other "
                "programs read; make them in the layout 'plain'"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the ids of all videos, in the order of `features.json`."""
        return tuple(self.videos)

    @property
    def width(self) -> int:
        """Returns the number of features of a row, C."""
        return self.info.width

    def rows(self, name: str) -> int:
        """Returns the number of windows, T, of a video. Raises UserError for an unknown id."""
        return self._video(name).rows

    def frame_numbers(self, name: str) -> Int[np.ndarray, "t f"]:
        """Returns the frame numbers of all rows of a video; see `Windows.numbers`."""
        return self.info.windows.numbers(self._video(name).num_frames)

    def read(self, name: str) -> Float32[np.ndarray, "t crops c"]:
        """Returns the features of a video.

        Args:
          name: id of the video.

        Returns:
          float32 (T, crops, C); all numbers are finite.

        Raises:
          UserError: the id is unknown, or the file is missing or damaged, or has another shape.
        """
        shape = stored_shape(self._video(name).rows, self.info)
        path = self.path_of(name)
        features = _read_array(path)

        if features.dtype != np.float32 or features.shape != shape:
            raise UserError(
                f"{path} has the shape {features.shape} of {features.dtype}; {shape} of float32 is "
                "expected; delete it and repeat `albar features`"
            )
        if not np.isfinite(features).all():
            row = int(np.argwhere(~np.isfinite(features))[0, 0])
            raise UserError(
                f"{path} has a number in row {row} that is not finite; delete it and repeat "
                "`albar features`"
            )
        return features.reshape(shape[0], self.info.crops, self.info.width)

    def path_of(self, name: str) -> Path:
        """Returns the file of a video. Raises UserError if its id is no relative path."""
        return joined(self.folder, *parts_of(f"{name}.npy"))

    def _video(self, name: str) -> VideoInfo:
        if name in self.unreadable:
            raise UserError(
                f"{self.folder} has no features of {name!r}, which was unreadable: "
                f"{self.unreadable[name]}"
            )
        if name not in self.videos:
            raise UserError(f"{self.folder} has no features of {name!r}; make them, too")
        return self.videos[name]


def stored_shape(rows: int, info: FeatureInfo) -> tuple[int, ...]:
    """Returns the shape of a file in the layout `plain`: (T, C) or, with crops, (T, crops, C)."""
    if info.crops == 1:
        return rows, info.width
    return rows, info.crops, info.width


def _read_array(path: Path) -> np.ndarray:
    try:
        # The buffer repeats a read that returns too few bytes.
        with io.BufferedReader(access.StoredFile(path)) as file:
            return arrays.read_npy(file, path.name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"the features {path} cannot be read ({reason}); delete the file and repeat `albar "
            "features`"
        ) from error
