"""Defines what a layout of feature files provides to `albar features`."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.features.row_file import Rows
from albar_jax.files import replacing
from albar_jax.storage.inside import inside


class Layout(Protocol):
    """The files of one set of features, in the form that some program reads.

    `albar features` stores `blocks(rows, split)` as .npy at `path_of(video, split)`, video by
    video. Then `finish` writes everything that refers to several videos.
    """

    def path_of(self, video: str, split: str | None) -> tuple[str, ...]:
        """Returns the parts of a file's path below the folder of the features.

        Args:
          video: id of the video.
          split: its split in the manifest; None without a manifest.
        """
        ...

    def shape_of(self, rows: int, split: str | None) -> tuple[int, ...]:
        """Returns the shape of the array in a video's file.

        Args:
          rows: number of windows, T.
          split: split of the video.
        """
        ...

    def blocks(self, rows: Rows, split: str | None) -> Iterator[Float32[np.ndarray, "..."]]:
        """Yields the array of a video's file in blocks along its first axis.

        Args:
          rows: features of the windows, (T, crops, C), T at least 1.
          split: split of the video.
        """
        ...

    def finish(self, out: Path, videos: Mapping[str, VideoInfo]) -> Sequence[str]:
        """Writes lists, truth and configs, each atomically.

        Args:
          out: folder of the features.
          videos: the videos that have features, by id.

        Returns:
          Sentences for the user. The last one is the command that uses the features, if there is
          one.

        Raises:
          UserError: another program would silently misread the videos that are left. The features
            stay.
        """
        ...


@dataclasses.dataclass(frozen=True)
class LayoutKind:
    """A kind of layout.

    Attributes:
      title: what the files are, for the help of the option.
      open: returns the layout of a set of features, given its settings, the path of the manifest
        (None without one), and whether to cut training videos into segments. Raises UserError if
        the layout does not fit, before anything is extracted.
    """

    title: str
    open: Callable[[FeatureInfo, Path | None, bool], Layout]


def save_array(out: Path, name: str, array: np.ndarray) -> None:
    """Writes an array as .npy into a folder, atomically."""
    with replacing(inside(out, name)) as partial, open(partial, "wb") as file:
        np.save(file, array, allow_pickle=False)
