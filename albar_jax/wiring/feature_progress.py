"""Shows how much of the videos has been read, and the time that is left."""

import os
from collections.abc import Sequence

import jax
from tqdm import tqdm

from albar_jax.features.video_rows import VideoRow
from albar_jax.profiling import host_memory

# The progress of a video whose size is not known, in bytes.
_USUAL_BYTES = 1 << 20


class FeatureProgress:
    """A progress bar in bytes, so that the time left is right for videos of any length.

    Args:
      rows: the videos to read.
    """

    def __init__(self, rows: Sequence[VideoRow]):
        self._sizes = [_size(row.path) for row in rows]
        self._shares = [0.0] * len(rows)
        self._num_finished = 0
        self._bar = tqdm(
            total=sum(self._sizes),
            unit="B",
            unit_scale=True,
            desc=self._description(),
            disable=jax.process_index() != 0,
        )
        self._has_computed = False

    def __enter__(self) -> "FeatureProgress":
        return self

    def __exit__(self, *exc) -> None:
        self._bar.close()

    def read(self, video: int, share: float) -> None:
        """Shows that a share of a video has been read, 0 to 1."""
        if not self._has_computed:
            # The first call has compiled the step, which leaves memory to free.
            host_memory.return_freed()
            self._has_computed = True

        share = min(max(share, self._shares[video]), 1.0)
        self._bar.update(round(self._sizes[video] * share) - self._read_bytes(video))
        self._shares[video] = share

    def finish(self, video: int) -> None:
        """Shows that a video is done."""
        self._bar.update(self._sizes[video] - self._read_bytes(video))
        self._shares[video] = 1.0
        self._num_finished += 1
        self._bar.set_description(self._description(), refresh=False)

    def _read_bytes(self, video: int) -> int:
        return round(self._sizes[video] * self._shares[video])

    def _description(self) -> str:
        return f"features of {self._num_finished}/{len(self._sizes)} videos"


def _size(path: str) -> int:
    """Returns the bytes of a file; the usual size for a folder or a record."""
    return os.path.getsize(path) if os.path.isfile(path) else _USUAL_BYTES
