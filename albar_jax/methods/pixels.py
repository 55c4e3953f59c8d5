"""Converts between pixels and the inputs of networks."""

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

# ImageNet's statistics of RGB in 0..1, as in every Kinetics recipe since. (ALBAR App. B)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalise(pixels: UInt8[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """Converts pixels 0..255 to float32 with the mean and deviation of pretrained networks."""
    return (pixels.astype(jnp.float32) / 255 - jnp.array(MEAN)) / jnp.array(STD)


def denormalise(values: Float[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """Converts normalized pixels to RGB in 0..1, for methods that read colors."""
    return values * jnp.array(STD) + jnp.array(MEAN)
