"""Converts a box of decoded frames to RGB and avoids work on the rest of each frame."""

import gc
from collections.abc import Sequence
from typing import cast

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from albar_jax.data.readers.base import ChooseBox
from albar_jax.data.readers.geometry import Filter, make_graph, turn_filters

# In these formats, ffmpeg converts each group of 2 x 2 pixels separately, if the height is even and
# the frame is not interlaced. So cutting the box before the conversion gives the same pixels as
# cutting it afterwards. This does not hold for a box of odd width, which can only occur at the edge
# of a picture of odd width: the filter that cuts leaves out the last column.
SEPARABLE = {"yuv420p", "yuvj420p"}

# Pixels of frames that may wait for garbage collection.
MAX_UNFREED = 1 << 24


class PictureBox:
    """The box to crop from each frame of a film, chosen by the displayed size of its first frame.

    Args:
      frame: the first frame.
      choose_box: returns the box for a size; see `readers.base.ChooseBox`.
      crop: the container's crop, as filters.
    """

    def __init__(self, frame: av.VideoFrame, choose_box: ChooseBox, crop: Sequence[Filter] = ()):
        self._crop = list(crop)
        self._unfreed = 0
        self._graph: Graph | None = None
        # The filters and the form of the frames for which `_graph` was made.
        self._graph_key: tuple | None = None

        shown = self._shown(frame)
        self._size = shown.height, shown.width
        self._box = choose_box(*self._size)
        self._format = shown.format.name

        # One converter per clip: setting one up costs as much as decoding a small frame.
        self._converter = VideoReformatter()
        self._cutter: Graph | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Returns the shape of the arrays that `rgb` returns."""
        return *self._box[2:], 3

    def rgb(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the box of a frame, RGB in 0..255.

        Raises:
          ValueError: the frame has another size than the first one.
        """
        self._free(frame.height * frame.width)

        frame = self._shown(frame)
        if (frame.height, frame.width) != self._size:
            raise ValueError("its frames change size")

        top, left, height, width = self._box
        if self._can_cut(frame):
            frame = self._cut(frame)
            # The cut begins at even pixels.
            top, left = top % 2, left % 2
        image = self._converter.reformat(frame, format="rgb24", threads=1).to_ndarray()

        return image[top : top + height, left : left + width]

    def _free(self, pixels: int) -> None:
        """Frees earlier frames.

        Their side data form reference cycles, which Python collects only from time to time.

        Args:
          pixels: number of pixels of the current frame.
        """
        self._unfreed += pixels
        if self._unfreed > MAX_UNFREED:
            gc.collect(1)
            self._unfreed = pixels

    def _shown(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns a frame cropped, rotated and mirrored as players show it.

        Phones store upright films sideways.
        """
        filters = self._crop + turn_filters(frame)
        if not filters:
            return frame

        key = filters, frame.format.name, frame.height, frame.width
        if self._graph is None or key != self._graph_key:
            self._graph = make_graph(frame, filters)
            self._graph_key = key

        return _filtered(self._graph, frame)

    def _can_cut(self, frame: av.VideoFrame) -> bool:
        """Returns whether the box can be cut before the conversion to RGB."""
        is_separable = frame.format.name == self._format and self._format in SEPARABLE
        is_odd = frame.height % 2 or frame.width % 2
        return is_separable and not (is_odd or frame.interlaced_frame)

    def _cut(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns the box, widened to whole groups of 2 x 2 pixels, without copying pixels."""
        if self._cutter is None:
            top, left, height, width = self._box
            top, height = _even_span(top, height)
            left, width = _even_span(left, width)
            self._cutter = make_graph(frame, [("crop", f"{width}:{height}:{left}:{top}")])

        return _filtered(self._cutter, frame)


def _filtered(graph: Graph, frame: av.VideoFrame) -> av.VideoFrame:
    """Sends a frame through a graph."""
    graph.push(frame)
    # Only graphs for audio return audio frames.
    return cast(av.VideoFrame, graph.pull())


def _even_span(start: int, length: int) -> tuple[int, int]:
    """Returns start and length of the smallest span around this one whose ends are even."""
    even_start = start - start % 2
    end = start + length
    even_end = end + end % 2
    return even_start, even_end - even_start
