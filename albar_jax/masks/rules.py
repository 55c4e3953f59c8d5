"""Which videos have masks good enough to use, and what becomes of frames that have none."""

import dataclasses
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int

from albar_jax.errors import UserError
from albar_jax.masks import pixels
from albar_jax.masks.base import Masks, NoMask
from albar_jax.masks.checks import shown

Missing = Literal["drop", "empty", "hold"]

# Limit of the frames to smooth over and the pixels to dilate by; more would take hours.
_FARTHEST = 1000


@dataclasses.dataclass(frozen=True)
class MaskRules:
    """What is done with the masks of a source. As they stand, the rules of HMDB51 and UCF101: nothing is done.

    Attributes:
      smooth_frames: k, a frame's mask becomes all that is in the masks of frames t-k to t+k. Frames without a mask
        get none by this.
      min_area: the share of its frame that a mask must cover at least to be valid.
      min_valid_share: the share of the video's frames that must have a valid mask, one that is not empty.
      dilate: pixels of the frame by which masks grow in the end; what is valid is decided before.
      missing: frames without a mask are dropped, kept with an empty mask, or hold the mask before them (the first one
        after them where there is none before). A mask that is there and empty is not missing: nobody is in the frame.
    """

    smooth_frames: int = 0
    min_area: float = 0.0
    min_valid_share: float = 0.0
    dilate: int = 0
    missing: Missing = "drop"

    def __post_init__(self):
        for name in ("smooth_frames", "dilate"):
            if not 0 <= getattr(self, name) <= _FARTHEST:
                raise UserError(
                    f"{name} is {shown(getattr(self, name))}; it must be 0 to {_FARTHEST:,}"
                )
        for name in ("min_area", "min_valid_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is {getattr(self, name)}, but is a share from 0 to 1")
        if self.min_area and not self.min_valid_share:
            raise UserError(
                f"min_area {self.min_area} decides nothing alone; min_valid_share says how many frames must have it"
            )
        if self.missing not in get_args(Missing):
            raise UserError(
                f"missing masks can be {', '.join(get_args(Missing))}, not {self.missing!r}"
            )


# Segmentation or saliency, each smoothed and then united. Smoothing what is united gives the same.
# (StillMix, benchmark_synthesis/replacebackground_with_segmentation_for_Kinetics400_test.py)
KINETICS400 = MaskRules(smooth_frames=1, min_area=0.1, min_valid_share=0.9)


def apply(
    masks: Masks, rules: MaskRules, num_frames: int, height: int, width: int
) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
    """Returns a mask for each frame that is kept, at the size of the frames, and the numbers of these, ascending.

    Masks of frames that the video does not have are left out.

    Raises:
      NoMask: too few frames have a valid mask, or none has one that is not empty.
    """
    inside = masks.frame_ids < num_frames
    frame_ids = masks.frame_ids[inside]
    if not len(frame_ids):
        raise NoMask(f"it has no mask for any of its {num_frames} frames")
    found = _smooth(
        pixels.resize(masks.masks[inside], height, width), frame_ids, rules.smooth_frames
    )
    area = found.sum(axis=(1, 2))
    if not area.any():
        raise NoMask("its masks are empty")
    valid = int(((area > 0) & (area >= rules.min_area * height * width)).sum())
    if valid < rules.min_valid_share * num_frames:
        size = f" of {rules.min_area:.0%} of the frame or more" if rules.min_area else ""
        raise NoMask(
            f"{valid} of its {num_frames} frames have a mask{size}; {rules.min_valid_share:.0%} of them must have one"
        )
    return _fill_in(pixels.grow(found, rules.dilate), frame_ids, rules.missing, num_frames)


def _smooth(
    masks: Bool[np.ndarray, "t h w"], frame_ids: Int[np.ndarray, " t"], frames: int
) -> Bool[np.ndarray, "t h w"]:
    """Joins each mask with those of frames at most `frames` away."""
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
    if missing == "drop":
        return masks, frame_ids
    every = np.arange(num_frames)
    if missing == "hold":
        return masks[np.maximum(np.searchsorted(frame_ids, every, side="right") - 1, 0)], every
    filled = np.zeros((num_frames, *masks.shape[1:]), bool)
    filled[frame_ids] = masks
    return filled, every
