"""Reads the windows of a video of any length, decoding it once and holding only open windows."""

import dataclasses
from collections.abc import Collection, Iterator

import numpy as np
from jaxtyping import Int, UInt8

from albar_jax.data.decode import Decoder, Source
from albar_jax.data.film_stream import FilmStream, StreamedFrame
from albar_jax.features.crops import Cropper, View
from albar_jax.features.windows import BLACK, Windows
from albar_jax.storage.budget import DEFAULT, Budget

# The crops of a frame, after resizing.
_Pictures = UInt8[np.ndarray, "crops size size 3"]


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """The clips of one window.

    Attributes:
      row: number of the window, from 0.
      numbers: frame numbers, int (f,); `BLACK` for a black frame.
      clips: the crops, uint8 (crops, f, size, size, 3), RGB.
    """

    row: int
    numbers: Int[np.ndarray, " f"]
    clips: UInt8[np.ndarray, "crops f size size 3"]


class FilmWindows:
    """The windows of an open video, which is decoded once while they are read.

    Use it as a context manager and iterate over it once. Windows come in the order of their rows.
    Only frames that a window needs are converted and resized. Memory holds the frames of the
    windows that have begun, and the frames of `keep`.

    Args:
      source: path or bytes of a film, a folder or .zip of pictures, or one picture.
      windows: the windows.
      view: the crops.
      more_than: films with no more frames than this have no windows. Set the attribute to None
        before the iteration to leave out all windows.
      decoder: see `FilmStream`.
      budget: see `FilmStream`.

    Attributes:
      fps: average frames per second; None if the video has no times.
      expected_frames: number of frames; for some films an estimate.
      num_frames: number of frames that were read so far.
      more_than: see above.
      keep: numbers of frames to keep; set it before the iteration.
      kept: the crops of these frames by number, uint8 (crops, size, size, 3).

    Raises:
      DecodeError: the video cannot be read.
      StorageError: the system failed to read a file that may be intact.
    """

    def __init__(
        self,
        source: Source,
        windows: Windows,
        view: View,
        *,
        more_than: int | None = 0,
        decoder: Decoder = "auto",
        budget: Budget = DEFAULT,
    ):
        self.more_than = more_than
        self.keep: Collection[int] = ()
        self.kept: dict[int, _Pictures] = {}
        self._windows = windows
        self._cropper = Cropper(view)
        self._black = np.zeros((view.crops, view.size, view.size, 3), np.uint8)
        self._stream = FilmStream(
            source,
            decoder=decoder,
            budget=budget,
            choose_box=self._cropper.choose_box,
            at_once=windows.frames,
            may_reduce=view.crops == 1,
        )
        self.fps = self._stream.fps
        self.expected_frames = self._stream.expected_frames
        self.num_frames = 0
        # The frames of open windows by number.
        self._pictures: dict[int, _Pictures] = {}

    def __enter__(self) -> "FilmWindows":
        self._stream.__enter__()
        return self

    def __exit__(self, *exc) -> None:
        self._pictures.clear()
        self._stream.__exit__(*exc)

    def __iter__(self) -> Iterator[Window]:
        row = 0
        frame = None
        for frame in self._stream.frames():
            self.num_frames = frame.number + 1
            if self.more_than is not None and self._is_needed(frame.number, row):
                self._add(frame)
            if frame.number in self.keep:
                self.kept[frame.number] = self._crops_of(frame)
            while self._is_complete(row):
                yield self._window(row, frame)
                row += 1
                self._forget(row)

        # `FilmStream` raises an error for a film without frames.
        if frame is None:
            return
        for last_row in range(row, self._num_rows()):
            yield self._window(last_row, frame)
            self._forget(last_row + 1)

    def _is_needed(self, number: int, first_row: int) -> bool:
        """Returns whether a window from row `first_row` on contains a frame of the film."""
        windows = self._windows
        start = windows.start(first_row)
        # Centred windows repeat frame 0 before the film.
        if number == 0 and start < 0:
            return True

        row = first_row
        while start <= number:
            place, rest = divmod(number - start, windows.stride)
            if not rest and place < windows.frames:
                return True
            row += 1
            start = windows.start(row)
        return False

    def _is_complete(self, row: int) -> bool:
        """Returns whether a window exists and all its frames have been read."""
        windows = self._windows
        last = windows.start(row) + windows.stride * (windows.frames - 1)
        return last < self.num_frames and row < self._num_rows()

    def _num_rows(self) -> int:
        """Returns the number of windows of a film of the frames so far."""
        if self.more_than is None or self.num_frames <= self.more_than:
            return 0
        return self._windows.rows(self.num_frames)

    def _window(self, row: int, last: StreamedFrame) -> Window:
        """Returns a window, given the last frame that was read."""
        numbers = self._windows.row_numbers(row, self.num_frames)
        pictures = []
        for number in numbers.tolist():
            # Windows repeat the last frame of the film, which none of them may contain.
            if number == last.number:
                self._add(last)
            pictures.append(self._black if number == BLACK else self._pictures[number])

        return Window(row, numbers, np.stack(pictures, axis=1))

    def _add(self, frame: StreamedFrame) -> None:
        """Holds the crops of a frame for the windows."""
        self._pictures[frame.number] = self._crops_of(frame)

    def _crops_of(self, frame: StreamedFrame) -> _Pictures:
        """Returns the crops of a frame, which is converted once."""
        if frame.number in self._pictures:
            return self._pictures[frame.number]
        return self._cropper.cut(frame.rgb())

    def _forget(self, row: int) -> None:
        """Drops the frames that no window from this row on contains."""
        first = max(0, self._windows.start(row))
        for number in [number for number in self._pictures if number < first]:
            del self._pictures[number]
