"""Reads every frame of a video once, in display order, in bounded memory whatever its length.

`decode` holds a film in memory to read any of its frames. Features and time lines of long films
need all frames in order, so here the file is read while it is decoded.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8

from albar_jax.data import deadline
from albar_jax.data.decode import Decoder, Source, name_of, open_by_form
from albar_jax.data.readers.base import ChooseBox, DecodeError, reason_of, whole
from albar_jax.data.readers.frames import FramesVideo, is_frame
from albar_jax.data.readers.geometry import crop_filters
from albar_jax.data.readers.picture import PictureBox
from albar_jax.data.readers.streamed_film import StreamedFilm
from albar_jax.storage import access, disk
from albar_jax.storage.budget import DEFAULT, Budget, BudgetError

Result = TypeVar("Result")

# Pixels of the frames that are decoded in one call with a time limit. Each call starts a thread.
_CHUNK_PIXELS = 1 << 21
# Most frames of one call. Frames form reference cycles. In a long list they are collected so rarely
# that memory would grow with the length of a film of small pictures.
_CHUNK_FRAMES = 16


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedFrame:
    """A frame of a stream, which is converted only if `rgb` is called.

    Attributes:
      number: number of the frame, from 0.
      rgb: returns the box of the frame, uint8 (h, w, 3), while the stream is open. Raises
        DecodeError if the frame is damaged, or exceeds the budget.
    """

    number: int
    rgb: Callable[[], UInt8[np.ndarray, "h w 3"]]


class FilmStream:
    """An open video that is read once, from its first frame to its last one.

    Use it as a context manager. Iteration yields (frame number, uint8 (h, w, 3)) of all frames, RGB
    in 0..255: the frames of `decode.read_frames`, with the same errors. Films of any size are read,
    because only a few packets and frames are in memory. `frames` converts only what is needed.

    Args:
      source: path or bytes of a film, a folder or .zip of pictures, or one picture.
      decoder: "lenient" returns damaged frames as the decoder conceals them. All other decoders
        refuse damaged frames, and PyAV reads the film.
      budget: limits on the pixels of `at_once` frames and on the seconds for a few frames. The
        limit on bytes applies to each file of a folder or archive, and to packets that exceed the
        size of their film.
      choose_box: chooses the box to read of each frame; see `readers.base.Video`.
      at_once: number of frames that the caller holds, for the limit on pixels.
      may_reduce: whether JPEG pictures may be decoded at a reduced size to meet that limit.

    Attributes:
      name: name of the video for messages.
      fps: average frames per second; None if the video has no times.
      expected_frames: number of frames; for some films an estimate.

    Raises:
      DecodeError: the video cannot be read.
      StorageError: the system failed to read a file that may be intact.
    """

    def __init__(
        self,
        source: Source,
        *,
        decoder: Decoder = "auto",
        budget: Budget = DEFAULT,
        choose_box: ChooseBox = whole,
        at_once: int = 1,
        may_reduce: bool = False,
    ):
        self.name = name_of(source)
        self._budget = budget
        self._choose_box = choose_box
        self._at_once = at_once
        self._may_reduce = may_reduce
        self._is_late = False

        def open_film(content: str | bytes, form: str | None) -> StreamedFilm:
            is_lenient = decoder == "lenient"
            return StreamedFilm(content, self.name, form, lenient=is_lenient, budget=budget)

        def open_source() -> FramesVideo | StreamedFilm:
            _refuse_broken_links(source, self.name)
            return open_by_form(source, self.name, budget, open_film)

        self._video = self._in_time(open_source)
        self.fps: float | None = None
        if isinstance(self._video, FramesVideo):
            self.expected_frames = len(self._video)
        else:
            self.fps = self._video.fps
            self.expected_frames = self._video.num_packets

    def __enter__(self) -> "FilmStream":
        return self

    def __exit__(self, *exc) -> None:
        # An abandoned read still uses the film.
        if self._is_late:
            return
        if isinstance(self._video, FramesVideo):
            self._video.__exit__(*exc)
        else:
            self._video.close()

    def __iter__(self) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
        for frame in self.frames():
            yield frame.number, frame.rgb()

    def frames(self) -> Iterator[StreamedFrame]:
        """Yields all frames in display order; those that nobody converts are only decoded.

        Raises:
          DecodeError: the film cannot be decoded, or has no frames.
          LateError: a few frames take longer than the budget's seconds.
        """
        if isinstance(self._video, FramesVideo):
            yield from self._pictures(self._video)
            return

        is_empty = True
        chunks = _in_chunks(self._video.frames())
        converter = _FrameConverter(self._video, self._budget, self._choose_box, self._at_once)
        while chunk := self._in_time(lambda: next(chunks, [])):
            is_empty = False
            for number, frame, is_damaged in chunk:
                rgb = functools.partial(converter.rgb, number, frame, is_damaged)
                yield StreamedFrame(number, rgb)

        if is_empty:
            raise DecodeError(f"{self.name}: its video stream has no frames")

    def _pictures(self, video: FramesVideo) -> Iterator[StreamedFrame]:
        read_box = video.boxes(self._choose_box, self._at_once, may_reduce=self._may_reduce)
        for number in range(len(video)):
            read = functools.partial(read_box, number)
            yield StreamedFrame(number, functools.partial(self._in_time, read))

    def _in_time(self, work: Callable[[], Result]) -> Result:
        """Calls a function with the time limit of the budget. Raises LateError."""
        try:
            return deadline.call(work, self._budget.seconds, self.name)
        except deadline.LateError:
            self._is_late = True
            raise


def _refuse_broken_links(source: Source, name: str) -> None:
    """Raises DecodeError for a link to nothing, and for a folder of frames with such a link.

    Readers take a missing file for a fault of the disk, which ends the program.
    """
    if isinstance(source, bytes):
        return

    paths = [os.fspath(source)]
    with disk.WAITING:
        is_folder = os.path.isdir(source)
    if is_folder:
        paths += access.patiently(lambda: _linked_frames(source), source)
    for path in paths:
        if os.path.islink(path) and not access.exists(path):
            link = "it" if path == paths[0] else os.path.basename(path)
            raise DecodeError(f"{name}: {link} is a broken link to {os.readlink(path)}")


def _linked_frames(folder: str | os.PathLike[str]) -> list[str]:
    """Returns the paths of the images in a folder that are links."""
    with disk.WAITING, os.scandir(folder) as entries:
        return [
            os.path.join(folder, entry.name)
            for entry in entries
            if entry.is_symlink() and is_frame(entry.name)
        ]


class _FrameConverter:
    """Converts frames of a film; see `PictureBox`."""

    def __init__(self, film: StreamedFilm, budget: Budget, choose_box: ChooseBox, at_once: int):
        self._film = film
        self._budget = budget
        self._choose_box = choose_box
        self._at_once = at_once
        self._crop = crop_filters(film.container_name, film.stream)
        # Made for the first frame that is converted.
        self._box: PictureBox | None = None

    def rgb(
        self, number: int, frame: av.VideoFrame, is_damaged: bool
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Converts a frame. Raises DecodeError."""
        name = self._film.name
        if is_damaged and not self._film.lenient:
            raise DecodeError(f"{name}: its data are damaged at frame {number}")
        try:
            return self._convert(frame)
        except (FFmpegError, ValueError, MemoryError) as error:
            # The budget is a matter of all frames.
            where = "" if isinstance(error, BudgetError) else f" at frame {number}"
            raise DecodeError(f"{name}: {reason_of(error)}{where}") from error

    def _convert(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        if self._box is None:
            self._budget.check_pixels(self._at_once, frame.height, frame.width)
            self._box = PictureBox(frame, self._choose_box, self._crop)
        return self._box.rgb(frame)


def _in_chunks(
    frames: Iterator[tuple[int, av.VideoFrame, bool]],
) -> Iterator[list[tuple[int, av.VideoFrame, bool]]]:
    """Groups frames into lists of about `_CHUNK_PIXELS` pixels, or of `_CHUNK_FRAMES` frames.

    A fault is raised after the frames that precede it.
    """
    chunk: list[tuple[int, av.VideoFrame, bool]] = []
    pixels = 0
    try:
        for number, frame, is_damaged in frames:
            chunk.append((number, frame, is_damaged))
            pixels += frame.height * frame.width
            if pixels >= _CHUNK_PIXELS or len(chunk) == _CHUNK_FRAMES:
                yield chunk
                chunk = []
                pixels = 0
    except DecodeError:
        if chunk:
            yield chunk
        raise

    if chunk:
        yield chunk
