"""What every source of masks offers: where the person is, in which frames of a video."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Bool, Int

from albar_jax.data.on_disk import path_on_disk
from albar_jax.data.readers.base import DecodeError, Video
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.storage.inside import joined, parts_of

# Opens the video that has this id in the manifest. Boxes need the size of its frames, the demonstration its pixels.
OpenVideo = Callable[[str], Video]


class NoMask(Exception):  # noqa: N818 - it says what is so, not that something broke
    """There is no mask for a video, or none that is good enough; the message is the reason."""


@dataclasses.dataclass(frozen=True, eq=False)
class Masks:
    """Masks of the person (T, H, W), and the 0-based numbers of the frames to which they belong, ascending.

    Frames that are not named have no mask; what becomes of these is for `rules.apply` to say. H and W are the source's
    own, and need not be the size of the video's frames.
    """

    masks: Bool[np.ndarray, "t h w"]
    frame_ids: Int[np.ndarray, " t"]

    def __post_init__(self):
        if self.masks.ndim != 3 or self.frame_ids.shape != self.masks.shape[:1]:
            raise ValueError(
                f"masks {self.masks.shape} do not match frame numbers {self.frame_ids.shape}"
            )
        if 0 in self.masks.shape[1:]:
            raise ValueError(f"masks {self.masks.shape} have no pixels")
        if self.frame_ids.dtype.kind not in "iu":
            raise ValueError(f"frame numbers are whole numbers, not {self.frame_ids.dtype}")
        # Unsigned numbers would wrap around in differences.
        object.__setattr__(self, "frame_ids", self.frame_ids.astype(np.int64))
        if len(self.frame_ids) and (self.frame_ids[0] < 0 or (np.diff(self.frame_ids) <= 0).any()):
            raise ValueError("frame numbers must ascend from 0 or above")


class MaskSource(Protocol):
    """Masks of videos, found by the video's id in the manifest."""

    def get(self, video: str) -> Masks:
        """Returns the masks of the video with this id.

        Raises:
          NoMask: there is none for this video.
          UserError: there is one that cannot be read.
        """


def existing(location: str, what: Literal["file", "folder"]) -> Path:
    """Returns the path of a source that is there; raises UserError for one that is not, or was not named at all."""
    path = Path(location).expanduser()
    if not location or not (path.is_file() if what == "file" else path.is_dir()):
        raise UserError(f"there is no {what} {location!r} to read masks from")
    return path


def place_of(folder: Path, video: str, ending: str = "") -> Path:
    """Returns the path of the masks of a video in a folder, in the spelling on the disk.

    Raises:
      NoMask: the id leads out of the folder, for example as an absolute path.
    """
    try:
        return path_on_disk(joined(folder, *parts_of(f"{video}{ending}")))
    except UserError as error:
        raise NoMask(str(error)) from error


def is_there(path: Path, folder: Path) -> bool:
    """Returns whether the folder holds masks of a video.

    Raises:
      StorageError: the folder itself is gone, for example because its disk is not mounted, or
        cannot be listed.
    """
    if access.exists(path):
        return True
    access.stat(folder)
    return False


def frame_size(open_video: OpenVideo, video: str) -> tuple[int, int]:
    """Returns height and width of a video's frames; raises NoMask if it cannot be read."""
    return video_size(open_video, video)[1:]


def video_size(open_video: OpenVideo, video: str) -> tuple[int, int, int]:
    """Returns (frames, height, width) of a video. Raises NoMask if it cannot be read."""
    with opened(open_video, video) as frames:
        return len(frames), *frames.read([0]).shape[1:3]


@contextlib.contextmanager
def opened(open_video: OpenVideo, video: str) -> Iterator[Video]:
    """Opens the video with this id for its frames; raises NoMask if it cannot be read, when it is opened or later."""
    try:
        with open_video(video) as frames:
            yield frames
    except DecodeError as error:
        raise NoMask(str(error)) from error
