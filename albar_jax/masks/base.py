"""Defines the interface of mask sources: masks of the person in the frames of a video."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Bool, Int

from albar_jax.data.on_disk import path_on_disk
from albar_jax.data.readers.base import DecodeError, Video
from albar_jax.data.reading import Size, size_of
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.storage.inside import joined, parts_of

# Opens the video with this id in the manifest. Boxes need the size of its frames, the demonstration
# network their pixels.
OpenVideo = Callable[[str], Video]


class NoMask(Exception):  # noqa: N818
    """The absence of a mask, or of a usable one, for a video; the message gives the reason.

    The name has no suffix "Error", because this is a normal result for some videos.
    """


@dataclasses.dataclass(frozen=True, eq=False)
class Masks:
    """Masks of the person in some frames of a video.

    Frames that are not in `frame_ids` have no mask; `rules.apply` decides what happens to them.

    Attributes:
      masks: bool (T, H, W). H and W are defined by the source and may differ from
        the frame size.
      frame_ids: frame numbers of the masks from 0, int (T,), ascending.
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
    """The interface of mask sources. Videos are identified by their ids in the manifest."""

    def get(self, video: str) -> Masks:
        """Returns the masks of a video.

        Args:
          video: id of the video.

        Raises:
          NoMask: the video has no masks.
          UserError: its masks cannot be read.
        """
        ...


def existing(location: str, kind: Literal["file", "folder"]) -> Path:
    """Returns the path of a source after checking that it exists.

    Args:
      location: path as written on the command line; may be empty or begin with "~".
      kind: whether it must be a file or a folder.

    Raises:
      UserError: there is no such file or folder.
    """
    # The shell does not expand "~" in the middle of a word.
    path = Path(location).expanduser()
    exists = path.is_file() if kind == "file" else path.is_dir()
    if not location or not exists:
        raise UserError(f"there is no {kind} {location!r} to read masks from")
    return path


def path_of(folder: Path, video: str, ending: str = "") -> Path:
    """Returns the path of a video's masks in a folder, in the spelling on the disk.

    Args:
      folder: folder of the masks.
      video: id of the video.
      ending: text after the id, for example ".npz".

    Raises:
      NoMask: the id leads out of the folder, for example as an absolute path.
    """
    try:
        return path_on_disk(joined(folder, *parts_of(f"{video}{ending}")))
    except UserError as error:
        raise NoMask(str(error)) from error


def exists_in(path: Path, folder: Path) -> bool:
    """Returns whether a path below a folder exists.

    Raises:
      StorageError: the folder itself is gone, for example because its disk is not mounted, or
        cannot be listed.
    """
    if access.exists(path):
        return True

    # A missing file is normal, a missing folder is not.
    access.stat(folder)
    return False


def video_size(open_video: OpenVideo, video: str) -> Size:
    """Returns (frames, height, width) of a video. Raises NoMask if it cannot be read."""
    with opened(open_video, video) as frames:
        return size_of(frames)


@contextlib.contextmanager
def opened(open_video: OpenVideo, video: str) -> Iterator[Video]:
    """Opens a video for a mask source.

    Args:
      open_video: opens the video with a given id.
      video: id of the video.

    Yields:
      The open video.

    Raises:
      NoMask: the video cannot be opened, or reading it in the context fails.
    """
    try:
        with open_video(video) as frames:
            yield frames
    except DecodeError as error:
        raise NoMask(str(error)) from error
