"""Stripes as backgrounds: one sine wave, copied up and down, turned by any angle, in two colours.

As StillMix draws them (benchmark_synthesis of https://github.com/lihaoxin05/StillMix), where the paper calls them
sinusoidal.
"""

import numpy as np
from PIL import Image

SIZE = 256
CANVAS = 384  # its middle SIZE x SIZE are within it, however it is turned
_MIDDLE = 128
# The first band, and with it all of its copies, is cut off at this row of the canvas. It has a reason only for a canvas
# of SIZE rows, but these are the published pictures.
_LAST_ROW = 255


def draw(rng: np.random.Generator) -> np.ndarray:
    """Draws a picture of stripes, uint8 (256, 256, 3)."""
    color = rng.random(3)
    half_width = 5 + 15 * rng.random()
    spacing = (3 + 2 * rng.random()) * half_width
    frequency = 2 * np.pi / (1000 * rng.random() + 4)
    phase = (200 * rng.random() - 100) * frequency
    amplitude = 10 + 100 * rng.random()
    wave = amplitude * np.sin(frequency * np.arange(CANVAS) + phase) + _MIDDLE
    stripes = _bands(wave, half_width, spacing)
    colors = (255 * np.stack([color, 1 - color])).astype(np.uint8)
    canvas = Image.fromarray(colors[stripes.astype(np.intp)])
    turned = canvas.rotate(360 * rng.random(), Image.Resampling.NEAREST, expand=True)
    left, top = (turned.width - SIZE) // 2, (turned.height - SIZE) // 2
    return np.asarray(turned.crop((left, top, left + SIZE, top + SIZE)))


def _bands(wave: np.ndarray, half_width: float, spacing: float) -> np.ndarray:
    """Returns where the stripes are, bool (CANVAS, CANVAS): around the wave's row in each column, and its copies."""
    first = np.maximum(0, wave - half_width).astype(np.int64)
    last = np.minimum(_LAST_ROW, wave + half_width).astype(np.int64)
    column = np.arange(CANVAS)
    steps = np.zeros((CANVAS + 1, CANVAS), np.int8)  # where a stripe begins, and where it ends
    most = int(CANVAS / spacing) + 1
    for number in range(-most, most + 1):
        # Each end is cut to whole rows by itself, so the copies are not all equally wide.
        above, below = (
            np.clip(edge + number * spacing, 0, CANVAS).astype(np.int64) for edge in (first, last)
        )
        steps[above, column] += 1
        steps[below, column] -= 1
    return np.cumsum(steps[:-1], axis=0, dtype=np.int8) > 0
