"""Draws families of dark backgrounds for clips: a pattern in two tones of one hue, with grain."""

import colorsys
import dataclasses

import numpy as np
from jaxtyping import Float

from albar_jax.toy.patterns import PATTERNS
from albar_jax.toy.raster import average_subpixels, paint, shifted_plane

Picture = Float[np.ndarray, "size size 3"]

MAX_VALUE = 0.55
NOISE_SD = 0.02


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of backgrounds.

    Attributes:
      name: its name, unique in its world.
      pattern: its pattern, a key of PATTERNS.
      hue: its hue, 0 to 1; each background differs by at most 0.04.
    """

    name: str
    pattern: str
    hue: float


def draw(rng: np.random.Generator, family: Family, size: int) -> Picture:
    """Draws a background of a family: its hue in a dark and a lighter tone, with fixed grain.

    Args:
      rng: random generator.
      family: its family.
      size: side of the image in pixels.

    Returns:
      Colors, float32 (size, size, 3). The HSV value is at most MAX_VALUE before grain of standard
      deviation NOISE_SD is added.
    """
    hue = (family.hue + rng.uniform(-0.04, 0.04)) % 1.0
    dark = colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.22))
    light = colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.4, MAX_VALUE))

    x, y = shifted_plane(rng, size)
    # Stripes are a formula of one coordinate only.
    pattern, _ = np.broadcast_arrays(PATTERNS[family.pattern](rng, x, y), x * y)
    picture = paint(average_subpixels(pattern), dark, light)

    # Grain differs from clip to clip, so that no two backgrounds are equal.
    grain = rng.normal(0.0, NOISE_SD, picture.shape).astype(np.float32)
    return np.clip(picture + grain, 0.0, 1.0)
