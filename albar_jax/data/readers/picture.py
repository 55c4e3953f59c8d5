"""Turns a box of decoded frames into RGB, touching as little of the rest as it may."""

import gc
from collections.abc import Sequence

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from albar_jax.data.readers.base import ChooseBox
from albar_jax.data.readers.geometry import Filter, make_graph, turn_filters

# In frames of these formats ffmpeg converts each 2 x 2 pixels by themselves, if the height is even and the lines are
# not those of two fields. So a box that is cut out before gets the pixels that it would have afterwards. (Not so a box
# of odd width, which may only be at the edge of a picture of odd width: what cuts it leaves out the last column.)
SEPARABLE = {"yuv420p", "yuvj420p"}

# Pixels of frames that may wait for garbage collection.
MAX_UNFREED = 1 << 24


class BoxOfPicture:
    """The box to crop from each frame of a film, chosen by the displayed size of its first frame.

    Args:
      frame: the first frame.
      choose_box: see ChooseBox.
      crop: the container's crop, as filters.
    """

    def __init__(self, frame: av.VideoFrame, choose_box: ChooseBox, crop: Sequence[Filter] = ()):
        self._crop = list(crop)
        self._unfreed = 0
        self._shape_of_graph: tuple | None = None
        shown = self._shown(frame)
        self._size = shown.height, shown.width
        self._box = choose_box(*self._size)
        # One converter per clip: setting one up costs as much as decoding a small frame.
        self._converter = VideoReformatter()
        self._format = shown.format.name
        self._cutter: av.filter.Graph | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the array that `rgb` returns."""
        return *self._box[2:], 3

    def rgb(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the box of a frame, 0..255; raises ValueError for a frame of another size."""
        self._free(frame.height * frame.width)
        frame = self._shown(frame)
        if (frame.height, frame.width) != self._size:
            raise ValueError("its frames change size")
        top, left, height, width = self._box
        if self._can_cut(frame):
            frame = self._cut(frame)
            top, left = top % 2, left % 2
        image = self._converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        return image[top : top + height, left : left + width]

    def _free(self, pixels: int) -> None:
        """Frees earlier frames; their side data form reference cycles, which Python collects only from time to time."""
        self._unfreed += pixels
        if self._unfreed > MAX_UNFREED:
            gc.collect(1)
            self._unfreed = pixels

    def _shown(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns a frame cropped, rotated and mirrored as shown.

        Phones store upright films sideways.
        """
        filters = self._crop + turn_filters(frame)
        if not filters:
            return frame
        shape = filters, frame.format.name, frame.height, frame.width
        if shape != self._shape_of_graph:
            self._graph, self._shape_of_graph = make_graph(frame, filters), shape
        self._graph.push(frame)
        return self._graph.pull()

    def _can_cut(self, frame: av.VideoFrame) -> bool:
        separable = frame.format.name == self._format and self._format in SEPARABLE
        return separable and not (frame.height % 2 or frame.width % 2 or frame.interlaced_frame)

    def _cut(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns the box, widened to whole groups of 2 x 2 pixels, without copying pixels."""
        if self._cutter is None:
            top, left, height, width = self._box
            top, height = _even_span(top, height)
            left, width = _even_span(left, width)
            self._cutter = make_graph(frame, [("crop", f"{width}:{height}:{left}:{top}")])
        self._cutter.push(frame)
        return self._cutter.pull()


def _even_span(start: int, length: int) -> tuple[int, int]:
    """Returns start and length of the smallest span around this one whose ends are even."""
    end = start + length
    return start - start % 2, end + end % 2 - start + start % 2
