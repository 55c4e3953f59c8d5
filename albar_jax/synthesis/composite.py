"""Laying a foreground over a background."""

import numpy as np


def over(foreground: np.ndarray, mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Returns foreground * mask + background * (1 - mask), the SCUBA composite (StillMix Sec. 4).

    Args:
        foreground: Colours, float (..., H, W, 3).
        mask: Coverage by the foreground, float (..., H, W) in 0..1.
        background: Colours, float, broadcast against the foreground: (H, W, 3) is the same in every frame.
    """
    weight = mask[..., None]
    return foreground * weight + background * (1 - weight)


def to_bytes(colors: np.ndarray) -> np.ndarray:
    """Rounds colours (or coverage) in 0..1 to uint8 0..255; what lies outside is clipped."""
    return np.rint(np.clip(colors, 0.0, 1.0) * 255).astype(np.uint8)


def compose(foreground: np.ndarray, mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Returns `over` of the three as uint8 frames (..., H, W, 3)."""
    return to_bytes(over(foreground, mask, background))
