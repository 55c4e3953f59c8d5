"""From pixels to what models read, and back."""

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

# Of ImageNet, on RGB in 0..1, as in every Kinetics recipe since. (ALBAR App. B)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalise(pixels: UInt8[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """Pixels 0..255 to float32 with the mean and standard deviation of the pretrained models."""
    return (pixels.astype(jnp.float32) / 255 - jnp.array(MEAN)) / jnp.array(STD)


def denormalise(values: Float[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """The inverse, but to RGB in 0..1: for methods that look at colours."""
    return values * jnp.array(STD) + jnp.array(MEAN)
