"""Random draws for ALBAR's static clips: noise on the stills, and the clips with a penalty.

Both are drawn for the global batch, so that results do not depend on the device count.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from albar_jax.methods.input_gradient import Video
from albar_jax.parallel.global_batch import draw_for_clips
from albar_jax.types import Batch


def with_noise(video: Video, sd: float, key: Key[Array, ""]) -> Video:
    """Adds a picture of Gaussian noise to each static clip.

    All frames get the same picture, so that the clip stays static. Near a uniform prediction, the
    expected negative entropy then grows by sd^2 / (2 k) times the squared Frobenius norm of the
    Jacobian of the k centered logits with respect to the still. So the entropy term penalizes this
    Jacobian. (Bishop, 1995)

    Args:
      video: normalized static clips.
      sd: standard deviation of the noise, in units of the normalized pixels; 0 adds nothing.
      key: random key.
    """
    if sd == 0:
        return video

    picture = (1, *video.shape[2:])
    noise = draw_for_clips(
        lambda n: jax.random.normal(key, (n, *picture), video.dtype), video.shape[0]
    )
    return video + sd * noise


@dataclasses.dataclass(frozen=True)
class Subset:
    """A random subset of the local clips.

    Attributes:
      order: the numbers of all local clips; those of the subset come first.
      size: number of clips of the subset.
    """

    order: Int[Array, " b"]
    size: int

    @property
    def weight(self) -> float:
        """The factor that makes a sum over the subset an unbiased estimate of the whole sum."""
        return self.order.shape[0] / self.size


def draw_subset(num_clips: int, share: float, key: Key[Array, ""]) -> Subset:
    """Draws a subset that has each clip with the same probability.

    The subset is a systematic sample: clips at equal distances, from a random start. So each device
    has the same number of them. If `share` times the clips of a device is a whole number, the
    subset does not depend on the device count.

    Args:
      num_clips: number of local clips.
      share: share of the clips, above 0 and at most 1. The number of local clips is rounded up.
      key: random key.
    """
    # The tolerance is for products such as 0.07 * 100, which is 7.000000000000001.
    size = max(1, math.ceil(share * num_clips - 1e-6))
    divisor = math.gcd(size, num_clips)
    step, period = size // divisor, num_clips // divisor
    start = jax.random.randint(key, (), 0, period)

    def is_drawn(n: int) -> Bool[Array, " n"]:
        # Any `period` clips in a row have `step` multiples of `period` below them.
        return (jnp.arange(n) * step + start) % period < step

    drawn = draw_for_clips(is_drawn, num_clips)
    return Subset(jnp.argsort(~drawn, stable=True), size)


def in_order(batch: Batch, subset: Subset) -> Batch:
    """Returns the clips of a batch with those of a subset first; without auxiliary inputs."""
    return Batch(
        video=batch.video[subset.order],
        target=batch.target[subset.order],
        valid=batch.valid[subset.order],
        index=batch.index[subset.order],
    )
