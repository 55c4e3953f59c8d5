"""Decides which videos have usable masks, and fills in masks for frames without one."""

import dataclasses
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int

from albar_jax.errors import UserError
from albar_jax.masks import pixels
from albar_jax.masks.base import Masks, NoMask
from albar_jax.masks.checks import short_repr

Missing = Literal["drop", "empty", "hold"]

# Limit of the frames to smooth over and the pixels to dilate by; more would take hours.
_FARTHEST = 1000


@dataclasses.dataclass(frozen=True)
class MaskRules:
    """Rules for the masks of a video. The defaults are used for HMDB51 and UCF101: no changes.

    Attributes:
      smooth_frames: k, 0 to 1000. Each mask becomes the union of the masks of frames t-k to t+k.
        This gives no mask to frames without one.
      min_area: share of its frame, 0 to 1, that a valid mask must cover.
      min_valid_share: share of the video's frames, 0 to 1, that must have a valid mask. An empty
        mask is not valid.
      dilate: pixels, 0 to 1000, by which masks are dilated. Validity is decided before.
      missing: treatment of frames without a mask. "drop" removes them, "empty" gives them an empty
        mask, and "hold" repeats the previous mask (the next one at the start of the video). A frame
        with an empty mask is not missing: it shows no person.
    """

    smooth_frames: int = 0
    min_area: float = 0.0
    min_valid_share: float = 0.0
    dilate: int = 0
    missing: Missing = "drop"

    def __post_init__(self):
        for name in ("smooth_frames", "dilate"):
            value = getattr(self, name)
            if not 0 <= value <= _FARTHEST:
                raise UserError(f"{name} is {short_repr(value)}; it must be 0 to {_FARTHEST:,}")

        for name in ("min_area", "min_valid_share"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"{name} is {value}, but is a share from 0 to 1")

        if self.min_area and not self.min_valid_share:
            raise UserError(
                f"min_area {self.min_area} has no effect alone; give min_valid_share, the share of "
                "frames that must have it"
            )
        if self.missing not in get_args(Missing):
            raise UserError(
                f"missing masks can be {', '.join(get_args(Missing))}, not {self.missing!r}"
            )


# StillMix smooths the masks of segmentation and of saliency and then takes their union. Smoothing
# the union gives the same masks.
# (benchmark_synthesis/replacebackground_with_segmentation_for_Kinetics400_test.py)
KINETICS400 = MaskRules(smooth_frames=1, min_area=0.1, min_valid_share=0.9)


def apply(
    masks: Masks, rules: MaskRules, num_frames: int, height: int, width: int
) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
    """Applies mask rules to the masks of a video.

    Masks of frames that the video does not have are ignored.

    Args:
      masks: masks as read from the source.
      rules: the rules.
      num_frames: number of frames of the video.
      height: height of the frames.
      width: width of the frames.

    Returns:
      masks: a mask for each frame that is kept, bool (N, height, width).
      frame_ids: numbers of these frames from 0, int (N,), ascending.

    Raises:
      NoMask: too few frames have a valid mask, or all masks are empty.
    """
    # Annotations may be longer than a re-encoded video.
    in_video = masks.frame_ids < num_frames
    frame_ids = masks.frame_ids[in_video]
    if not len(frame_ids):
        raise NoMask(f"it has no mask for any of its {num_frames} frames")

    resized = pixels.resize(masks.masks[in_video], height, width)
    smoothed = _smooth(resized, frame_ids, rules.smooth_frames)

    # Validity is decided before dilation.
    area = smoothed.sum(axis=(1, 2))
    if not area.any():
        raise NoMask("its masks are empty")

    valid = int(((area > 0) & (area >= rules.min_area * height * width)).sum())
    if valid < rules.min_valid_share * num_frames:
        size = f" of {rules.min_area:.0%} of the frame or more" if rules.min_area else ""
        raise NoMask(
            f"{valid} of its {num_frames} frames have a mask{size}; {rules.min_valid_share:.0%} of "
            "them must have one"
        )

    dilated = pixels.grow(smoothed, rules.dilate)
    return _fill_in(dilated, frame_ids, rules.missing, num_frames)


def _smooth(
    masks: Bool[np.ndarray, "t h w"], frame_ids: Int[np.ndarray, " t"], frames: int
) -> Bool[np.ndarray, "t h w"]:
    """Replaces each mask by the union of all masks at most `frames` frames away."""
    if not frames:
        return masks

    first = np.searchsorted(frame_ids, frame_ids - frames, side="left")
    last = np.searchsorted(frame_ids, frame_ids + frames, side="right")
    return np.stack([masks[start:end].any(axis=0) for start, end in zip(first, last, strict=True)])


def _fill_in(
    masks: Bool[np.ndarray, "t h w"],
    frame_ids: Int[np.ndarray, " t"],
    missing: Missing,
    num_frames: int,
) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
    """Drops or fills in the frames without a mask; see MaskRules."""
    if missing == "drop":
        return masks, frame_ids

    all_ids = np.arange(num_frames)
    if missing == "hold":
        # Index of the last mask at or before each frame; the first mask for frames before it.
        previous = np.searchsorted(frame_ids, all_ids, side="right") - 1
        return masks[np.maximum(previous, 0)], all_ids

    filled = np.zeros((num_frames, *masks.shape[1:]), bool)
    filled[frame_ids] = masks
    return filled, all_ids
