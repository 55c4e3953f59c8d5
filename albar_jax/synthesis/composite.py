"""Composes foregrounds and backgrounds."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8


def over(
    foreground: Float[np.ndarray, "*t h w 3"],
    mask: Float[np.ndarray, "*t h w"],
    background: Float[np.ndarray, "*#t h w 3"],
) -> Float[np.ndarray, "*t h w 3"]:
    """Returns foreground * mask + background * (1 - mask), the SCUBA composite (StillMix Sec. 4).

    Args:
      foreground: colors, float (..., H, W, 3).
      mask: coverage by the foreground, float (..., H, W), 0 to 1.
      background: colors, float. Broadcasts against the foreground: (H, W, 3) repeats in all
        frames.
    """
    weight = mask[..., None]
    return foreground * weight + background * (1 - weight)


def paste(
    foreground: UInt8[np.ndarray, "*#t h w 3"],
    mask: Bool[np.ndarray, "t h w"],
    background: UInt8[np.ndarray, "*#t h w 3"],
) -> UInt8[np.ndarray, "t h w 3"]:
    """Pastes frames over a background by binary masks.

    Gives the same result as `over`, thirty times as fast.

    Args:
      foreground: colors, uint8 (T, H, W, 3), or (H, W, 3) for the same image in all frames.
      mask: pixels of the foreground, bool (T, H, W).
      background: colors, in one of the shapes of `foreground`.

    Returns:
      The frames, uint8 (T, H, W, 3).
    """
    shape = (*mask.shape, 3)
    # The background is copied, because frames are written in place.
    frames = np.broadcast_to(background, shape).copy()

    for source, pixels, frame in zip(np.broadcast_to(foreground, shape), mask, frames, strict=True):
        cv2.copyTo(source, pixels.view(np.uint8), frame)

    return frames


def behind(
    still: UInt8[np.ndarray, "h w 3"],
    mask: Bool[np.ndarray, "h w"],
    actor: Bool[np.ndarray, "t h w"],
    clip: UInt8[np.ndarray, "t h w 3"],
) -> UInt8[np.ndarray, "t h w 3"]:
    """Pastes a still foreground over a clip's background, but under its actor.

    No pixel of the actor is hidden.

    Args:
      still: colors, uint8 (H, W, 3).
      mask: pixels of the still foreground, bool (H, W).
      actor: pixels of the clip's own actor, bool (T, H, W).
      clip: frames, uint8 (T, H, W, 3).
    """
    return paste(still, mask & ~actor, clip)


def to_bytes(colors: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Converts colors or coverage from 0..1 to uint8 0..255, rounded; clips other values."""
    return np.rint(np.clip(colors, 0.0, 1.0) * 255).astype(np.uint8)


def compose(
    foreground: Float[np.ndarray, "*t h w 3"],
    mask: Float[np.ndarray, "*t h w"],
    background: Float[np.ndarray, "*#t h w 3"],
) -> UInt8[np.ndarray, "*t h w 3"]:
    """Returns the composite of `over` as frames, uint8 (..., H, W, 3)."""
    return to_bytes(over(foreground, mask, background))
