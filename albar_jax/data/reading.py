"""Reads videos in chunks, because all frames of a long video may not fit into memory."""

from collections.abc import Iterator

from albar_jax.data.readers.base import Video

# Number of frames, height and width.
Size = tuple[int, int, int]

# Bytes of frames in a chunk. Most videos fit into one chunk; a decoder may start over for each.
_BYTES = 1 << 27


def size_of(video: Video) -> Size:
    """Returns (frames, height, width) of an open video."""
    height, width = video.read([0]).shape[1:3]
    return len(video), height, width


def spans(count: int, size: Size) -> Iterator[slice]:
    """Divides frames into chunks that fit into memory.

    Args:
      count: number of frames to read.
      size: (frames, height, width) of the video.

    Returns:
      Consecutive slices that cover 0 to `count`.
    """
    _, height, width = size
    step = max(1, _BYTES // (3 * height * width))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
