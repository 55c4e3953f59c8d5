"""Opens any video and returns exactly the requested frames.

Films are decoded by PyAV to the pixels that ffmpeg shows. Films, folders, archives and images are
distinguished by their first bytes, because file suffixes are unreliable.
"""

import functools
import os
from collections.abc import Callable
from typing import Literal, TypeVar, cast

import av
import numpy as np
from jaxtyping import UInt8

from albar_jax.data import deadline, records
from albar_jax.data.failures import late_reason
from albar_jax.data.readers import decord, frames, sequences
from albar_jax.data.readers.base import (
    ChooseBox,
    DecodeError,
    Shrink,
    Video,
    first_bytes,
    reason_of,
    whole,
)
from albar_jax.data.readers.pyav import PyAVVideo
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.storage.budget import DEFAULT, Budget, BudgetError

__all__ = [
    "DecodeError",
    "Decoder",
    "Source",
    "Video",
    "check_decoder",
    "num_frames",
    "open_video",
    "read_frames",
]

Source = str | os.PathLike[str] | bytes
Decoder = Literal["auto", "pyav", "lenient", "decord"]
Film = TypeVar("Film")


def open_video(source: Source, decoder: Decoder = "auto", budget: Budget = DEFAULT) -> Video:
    """Opens a video, given its path or its encoded bytes.

    A video is a film, a folder or .zip of numbered images, one image, or a record that holds one of
    these; see `records`. Open a video for each clip, in the worker that reads it, because decoders
    do not survive a fork.

    Args:
      source: a path, or the bytes of a film, an archive or an image.
      decoder: library that decodes films. "auto" and "pyav" use PyAV and refuse damaged frames.
        "lenient" uses PyAV and returns damaged frames as the decoder conceals them. "decord" uses
        decord and refuses films that it would not read exactly. All give the same pixels for
        undamaged frames.
      budget: limits on the bytes of the file and on the pixels and time of one `read`.

    Raises:
      DecodeError: the video cannot be read, or exceeds the budget; the message has the path and the
        reason.
      StorageError: the system failed to read a file that may be intact. Later reads may also raise
        it.
    """
    name = name_of(source)

    # A `call` around this function already limits the time.
    if not budget.seconds or deadline.is_timed():
        return _open(source, name, decoder, budget)

    video = deadline.call(lambda: _open(source, name, decoder, budget), budget.seconds, name)
    return _TimedVideo(video, budget.seconds, name)


def read_frames(source: Source, indices) -> UInt8[np.ndarray, "n h w 3"]:
    """Returns frames of a video, rotated upright.

    Args:
      source: a path, or the bytes of a film, an archive or an image.
      indices: frame numbers in any order; repeats are allowed.

    Returns:
      The frames, uint8 (N, H, W, 3), RGB.

    Raises:
      IndexError: a frame does not exist.
      DecodeError: the file cannot be read.
    """
    with open_video(source) as video:
        return video.read(indices)


def num_frames(source: Source) -> int:
    """Returns the number of readable frames. Raises DecodeError for a file that cannot be read."""
    with open_video(source) as video:
        return len(video)


def check_decoder(decoder: Decoder) -> None:
    """Raises UserError if the decoder is not installed."""
    if decoder == "decord" and not decord.is_available():
        raise UserError(
            "config.loader.decoder is 'decord', which is not installed here; install it (it has "
            "wheels for x86-64 only), or use 'auto'"
        )


class _TimedVideo:
    """An open video with a time limit for each `read`."""

    def __init__(self, video: Video, seconds: float, name: str):
        self._video = video
        self._seconds = seconds
        self._name = name
        self._is_late = False
        self.fps = video.fps

    def __enter__(self) -> Video:
        self._video.__enter__()
        return self

    def __exit__(self, *exc) -> None:
        # An abandoned read still uses the video.
        if not self._is_late:
            self._video.__exit__(*exc)

    def __len__(self) -> int:
        return len(self._video)

    def read(
        self, indices, choose_box: ChooseBox = whole, shrink: Shrink | None = None
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Reads frames; see `readers.base.Video`. Raises LateError if it takes too long."""
        if self._is_late:
            raise DecodeError(f"{self._name}: {late_reason(self._seconds)}")

        # A function in here would make its jaxtyping annotation, which is a class, for each read.
        read = functools.partial(self._video.read, indices, choose_box, shrink)
        try:
            return deadline.call(read, self._seconds, self._name)
        except deadline.LateError:
            self._is_late = True
            raise


def name_of(source: Source) -> str:
    """Returns the name of a video for messages."""
    if isinstance(source, bytes):
        return f"a video of {len(source)} bytes"
    return os.fspath(source)


def _open(source: Source, name: str, decoder: Decoder, budget: Budget) -> Video:
    def open_film(content: str | bytes, container: str | None) -> Video:
        # The whole film is held in memory; an archive is not.
        _check_size(content, name, budget)
        film = PyAVVideo(content, name, container, lenient=decoder == "lenient", budget=budget)
        if decoder == "decord":
            return _open_with_decord(film, content, name, budget)
        return film

    return open_by_form(source, name, budget, open_film)


def open_by_form(
    source: Source,
    name: str,
    budget: Budget,
    open_film: Callable[[str | bytes, str | None], Film],
) -> frames.FramesVideo | Film:
    """Opens numbered pictures, or calls `open_film`.

    Args:
      source: a path, or the bytes of a film, an archive or an image.
      name: name of the video for messages.
      budget: limits of a reading of pictures.
      open_film: opens a film, given its path or bytes, and the name of its container; None detects
        it.

    Raises:
      DecodeError: it is none of these, or is damaged.
    """
    if isinstance(source, bytes):
        return _open_content(source, name, budget, open_film)
    if records.is_record(name):
        return _open_content(records.read(name), name, budget, open_film)
    if access.is_folder(name):
        return frames.open_folder(name, budget)
    return _open_content(name, name, budget, open_film)


def _open_content(
    source: str | bytes,
    name: str,
    budget: Budget,
    open_film: Callable[[str | bytes, str | None], Film],
) -> frames.FramesVideo | Film:
    """Opens a file, or its bytes, by the form that its first bytes show."""
    start = source[:16] if isinstance(source, bytes) else first_bytes(source)
    if not start:
        raise DecodeError(f"{name}: the file is empty")
    if start.startswith(frames.ZIP):
        return frames.open_zip(source, name, budget)

    container = None
    if start.startswith(frames.IMAGE):
        container = _container_of(source, name)
        if container is None:
            return frames.open_image(source, name, budget)

    return open_film(source, container)


def _check_size(source: str | bytes, name: str, budget: Budget) -> None:
    try:
        size = len(source) if isinstance(source, bytes) else access.stat(source).st_size
        budget.check_bytes(size, "it")
    except (OSError, BudgetError) as error:
        raise DecodeError(f"{name}: {reason_of(error)}") from error


def _open_with_decord(film: PyAVVideo, source: str | bytes, name: str, budget: Budget) -> Video:
    """Opens a film with decord. Raises DecodeError if decord would not decode it exactly."""
    with film:
        if reason := decord.unsuited(film):
            raise DecodeError(f"{name}: decord {reason}; config.loader.decoder=auto reads it")
        # `unsuited` refuses a film without frames.
        first = cast(av.VideoFrame, film.first())

    # Passes bytes, because decord mistakes a failed read for the end of the film.
    content = source if isinstance(source, bytes) else access.read_bytes(source)
    size = first.height, first.width
    return decord.DecordVideo(content, name, len(film), size=size, fps=film.fps, budget=budget)


def _container_of(source: str | bytes, name: str) -> str | None:
    try:
        return sequences.container_of(source)
    except OSError as error:
        raise DecodeError(f"{name}: {reason_of(error)}") from error
