"""Laying a foreground over a background."""

import numpy as np


def over(foreground: np.ndarray, mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Returns foreground * mask + background * (1 - mask), the SCUBA composite (StillMix Sec. 4).

    Args:
        foreground: Colours (..., H, W, 3): uint8, or float.
        mask: Coverage by the foreground (..., H, W): float in 0..1, or bool.
        background: Colours of the same kind, broadcast against the foreground: (H, W, 3) is the same in every frame.
    """
    weight = mask[..., None]
    if mask.dtype == bool:  # the same sum, without leaving the integers
        return np.where(weight, foreground, background)
    return foreground * weight + background * (1 - weight)


def behind(still: np.ndarray, mask: np.ndarray, actor: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Returns the clip with a still laid over its background and under its actor: nothing of the actor is hidden.

    Args:
        still: Colours, uint8 (H, W, 3).
        mask: Where the still shows something, bool (H, W).
        actor: Where the clip's own foreground is, bool (T, H, W).
        clip: Frames, uint8 (T, H, W, 3).
    """
    return over(still, mask & ~actor, clip)


def to_bytes(colors: np.ndarray) -> np.ndarray:
    """Rounds colours (or coverage) in 0..1 to uint8 0..255; what lies outside is clipped."""
    return np.rint(np.clip(colors, 0.0, 1.0) * 255).astype(np.uint8)


def compose(foreground: np.ndarray, mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Returns `over` of the three as uint8 frames (..., H, W, 3)."""
    return to_bytes(over(foreground, mask, background))
