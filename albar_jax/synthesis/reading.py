"""Reading a video piece by piece: all of a long one may be more than the memory holds."""

from collections.abc import Iterator

from albar_jax.data.decode import Video

Size = tuple[int, int, int]  # frames, height, width

_BYTES = (
    1 << 27
)  # of frames at a time: all of most videos, since a decoder may start over for each read


def size_of(video: Video) -> Size:
    """Returns (frames, height, width) of an open video."""
    return len(video), *video.read([0]).shape[1:3]


def spans(count: int, size: Size) -> Iterator[slice]:
    """Yields slices that divide `count` frames into pieces to be read at once."""
    step = max(1, _BYTES // (3 * size[1] * size[2]))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
