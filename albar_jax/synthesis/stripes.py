"""Draws backgrounds of stripes: a sine wave and its shifted copies, rotated, in two colors.

The images are drawn as in StillMix's program (benchmark_synthesis of
https://github.com/lihaoxin05/StillMix). The paper calls these backgrounds sinusoidal.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

# Side of the image.
SIZE = 256
# Side of the drawing that is rotated. The image, its centre, lies within it at any angle.
CANVAS = 384
_MIDDLE = 128
# The first band, and so each of its copies, is cut off at this row of the canvas. This would make
# sense only for a canvas of SIZE rows, but the published images are drawn like this.
_LAST_ROW = 255


def draw(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Draws an image of stripes, uint8 (256, 256, 3)."""
    color = rng.random(3)
    half_width = 5 + 15 * rng.random()
    spacing = (3 + 2 * rng.random()) * half_width
    frequency = 2 * np.pi / (1000 * rng.random() + 4)
    phase = (200 * rng.random() - 100) * frequency
    amplitude = 10 + 100 * rng.random()

    wave = amplitude * np.sin(frequency * np.arange(CANVAS) + phase) + _MIDDLE
    is_stripe = _bands(wave, half_width, spacing)
    colors = (255 * np.stack([color, 1 - color])).astype(np.uint8)
    canvas = Image.fromarray(colors[is_stripe.astype(np.intp)])

    turned = canvas.rotate(360 * rng.random(), Image.Resampling.NEAREST, expand=True)
    left = (turned.width - SIZE) // 2
    top = (turned.height - SIZE) // 2
    return np.asarray(turned.crop((left, top, left + SIZE, top + SIZE)))


def _bands(
    wave: Float[np.ndarray, " w"], half_width: float, spacing: float
) -> Bool[np.ndarray, "h w"]:
    """Returns the pixels of the stripes.

    Args:
      wave: row of the wave in each column, float (CANVAS,).
      half_width: half the height of a band, in pixels.
      spacing: distance between copies of the band, in pixels.

    Returns:
      bool (CANVAS, CANVAS), true within the band around the wave and within its copies.
    """
    first = np.maximum(0, wave - half_width).astype(np.int64)
    last = np.minimum(_LAST_ROW, wave + half_width).astype(np.int64)
    column = np.arange(CANVAS)

    # +1 where a band begins and -1 where it ends.
    steps = np.zeros((CANVAS + 1, CANVAS), np.int8)
    most = int(CANVAS / spacing) + 1
    for number in range(-most, most + 1):
        # Both ends are cut to whole rows separately, so copies may differ in height.
        above = np.clip(first + number * spacing, 0, CANVAS).astype(np.int64)
        below = np.clip(last + number * spacing, 0, CANVAS).astype(np.int64)
        steps[above, column] += 1
        steps[below, column] -= 1

    return np.cumsum(steps[:-1], axis=0, dtype=np.int8) > 0
