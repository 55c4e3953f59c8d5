"""The grid of feature rows: seconds to grid steps and back, padding, and training cuts."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.errors import UserError

# A test video may be this many times as long as a training sample.
LONGEST = 6
# Most draws of a cut in search of one with a segment.
_DRAWS = 200


@dataclasses.dataclass(frozen=True)
class Grid:
    """The place of feature rows in a video: row i covers `frames` frames from frame i * hop on.

    Attributes:
      hop: distance of two rows in frames, `feat_stride` of the original.
      frames: frames of a row; its half is the offset, `num_frames` of the original.
    """

    hop: int
    frames: int

    def steps(self, seconds: Float[np.ndarray, "n 2"], fps: float) -> Float[np.ndarray, "n 2"]:
        """Returns grid steps of seconds, float32."""
        return ((seconds * fps - self.frames / 2) / self.hop).astype(np.float32)

    def seconds(
        self, steps: Float[np.ndarray, "n 2"], fps: float, duration: float
    ) -> Float[np.ndarray, "n 2"]:
        """Returns seconds of grid steps, clamped to the video, float32."""
        seconds = (steps * self.hop + self.frames / 2) / fps
        return np.clip(seconds, 0, duration).astype(np.float32)


def padded_length(num_rows: int, config: TridetConfig) -> int:
    """Returns the length to which a test video is padded, which is part of its result.

    Padding enters means and group norms. So a shorter video has exactly `max_seq_len` steps, as in
    training, and a longer one the next multiple of the coarsest stride.

    Args:
      num_rows: feature rows of the video.
      config: length of a training sample, and levels.
    """
    if num_rows <= config.max_seq_len:
        return config.max_seq_len

    return -(-num_rows // config.coarsest_stride) * config.coarsest_stride


def windows(num_rows: int, config: TridetConfig, name: str, hop: int) -> list[slice]:
    """Returns the rows of each forward pass of a test video.

    Args:
      num_rows: feature rows of the video.
      config: the longest length, and whether longer videos are refused.
      name: id of the video for the error.
      hop: hop of the features for the error.

    Returns:
      One slice; for a video longer than 6 * `max_seq_len` windows of this length, which overlap by
      at least half.

    Raises:
      UserError: the video is longer, and the config refuses it.
    """
    longest = LONGEST * config.max_seq_len
    if num_rows <= longest:
        return [slice(0, num_rows)]

    if config.long_videos == "refuse":
        larger = -(-num_rows * hop // longest)
        raise UserError(
            f"{name} has {num_rows:,} feature rows, but TriDet takes at most {longest:,}; extract "
            f"features with --hop {larger} or more, or cut it into windows with "
            "--long-videos windows"
        )
    # The last window ends with the video.
    starts = [*range(0, num_rows - longest, longest // 2), num_rows - longest]
    return [slice(start, start + longest) for start in starts]


def random_cut(
    num_rows: int,
    segments: Float[np.ndarray, "n 2"],
    config: TridetConfig,
    generator: np.random.Generator,
) -> tuple[slice, Float[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Draws the cut of a training sample. (TriDet, libs/datasets/data_utils.py, truncate_feats)

    A video that fits is cut to a random length of at least 90 %, a longer one to `max_seq_len`. The
    place is drawn until half of a segment is inside; after 200 draws the last place is taken.

    Args:
      num_rows: feature rows of the video.
      segments: starts and ends in grid steps.
      config: lengths and shares.
      generator: source of random numbers.

    Returns:
      The rows, the segments in steps of the cut, clipped to it, and True for the segments that keep
      at least half of their length.
    """
    length = config.max_seq_len
    if num_rows <= config.max_seq_len:
        shortest = max(round(config.cut_from * num_rows), 1)
        length = int(generator.integers(shortest, num_rows, endpoint=True))
    # Then segments are not clipped to the video either.
    if length == num_rows:
        return slice(0, num_rows), segments, np.ones(len(segments), bool)

    start, clipped, is_kept = 0, segments, np.zeros(len(segments), bool)
    for _ in range(_DRAWS):
        start = int(generator.integers(0, num_rows - length, endpoint=True))
        clipped = np.clip(segments, start, start + length)
        inside = clipped[:, 1] - clipped[:, 0]
        is_kept = inside >= config.cut_keeps * (segments[:, 1] - segments[:, 0])
        if is_kept.any():
            break

    return slice(start, start + length), (clipped - start).astype(np.float32), is_kept


def padded(
    rows: Float[np.ndarray, "t d"], length: int
) -> tuple[Float[np.ndarray, "length d"], Bool[np.ndarray, " length"]]:
    """Pads features with zeros at the end; the mask is True for real rows."""
    features = np.zeros((length, rows.shape[1]), np.float32)
    features[: len(rows)] = rows
    return features, np.arange(length) < len(rows)


def epoch_order(num_videos: int, seed: int, epoch: int) -> Int[np.ndarray, " n"]:
    """Returns the shuffled numbers of all training videos, a function of (seed, epoch)."""
    return generator_of(seed, 0, epoch).permutation(num_videos)


def generator_of(seed: int, *key: int) -> np.random.Generator:
    """Returns a generator of random numbers for a seed and a key."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
