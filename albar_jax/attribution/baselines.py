"""Makes the baselines that clips are compared with: pictures without information, or no motion."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.errors import UserError

# Standard deviation of `blur`, as a share of the picture's side: 11 pixels of 224.
BLUR = 0.05

Clip = Float[Array, "t h w 3"]
Color = Float[Array, " 3"]
Baseline = Callable[[Clip, Color, int], Clip]


def black(clip: Clip, black: Color, frame: int) -> Clip:
    """Returns a black clip; the usual baseline."""
    return jnp.broadcast_to(black, clip.shape)


def mean_color(clip: Clip, black: Color, frame: int) -> Clip:
    """Returns a clip of the mean colour of ImageNet, which is 0 in normalised clips."""
    return jnp.zeros_like(clip)


def blur(clip: Clip, black: Color, frame: int) -> Clip:
    """Returns the clip with each frame blurred by a Gaussian of `BLUR` times its side."""
    _, height, width, _ = clip.shape
    rows = gaussian(height, BLUR * height)
    columns = gaussian(width, BLUR * width)
    return jnp.einsum("ij,tjkc,lk->tilc", rows, clip, columns)


def static(clip: Clip, black: Color, frame: int) -> Clip:
    """Returns one frame repeated, the static clip of ALBAR: the clip without its motion."""
    return jnp.broadcast_to(clip[frame], clip.shape)


def temporal_mean(clip: Clip, black: Color, frame: int) -> Clip:
    """Returns the mean frame repeated: a clip without motion that favours no frame."""
    return jnp.broadcast_to(clip.mean(0), clip.shape)


# Name -> function of the normalised clip, the colour of normalised black, and a frame number.
BASELINES: dict[str, Baseline] = {
    "black": black,
    "mean": mean_color,
    "blur": blur,
    "static": static,
    "temporal_mean": temporal_mean,
}
# These equal a clip of one frame, so its attributions would be 0.
MOTIONLESS = ("static", "temporal_mean")


def baseline(name: str, clip: Clip, *, black: Color, frame: int | None = None) -> Clip:
    """Returns a baseline of a clip.

    Args:
      name: a name in `BASELINES`.
      clip: normalised clip.
      black: normalised value of a black pixel.
      frame: number of the frame that `static` repeats; by default the middle one, t // 2.

    Raises:
      UserError: there is no such baseline or frame, or a motionless baseline of a single frame.
    """
    check_baseline(name, len(clip), frame)
    return BASELINES[name](clip, black, middle(len(clip)) if frame is None else frame)


def check_baseline(name: str, num_frames: int, frame: int | None = None) -> None:
    """Raises UserError for a baseline that a clip of so many frames does not have."""
    if name not in BASELINES:
        raise UserError(f"there is no baseline {name!r}; choose from {', '.join(BASELINES)}")
    if name in MOTIONLESS and num_frames == 1:
        raise UserError(
            f"the baseline {name} of a clip of one frame is the clip itself; choose black, mean or "
            "blur"
        )
    if frame is not None and not 0 <= frame < num_frames:
        raise UserError(f"a clip of {num_frames} frames has no frame {frame}; count from 0")


def middle(num_frames: int) -> int:
    """Returns the number of the middle frame, as in the static clips of ALBAR and of tests."""
    return num_frames // 2


def gaussian(size: int, sd: float) -> Float[Array, "n n"]:
    """Returns the matrix that blurs a vector of `size` pixels; its rows sum to 1, also at ends."""
    places = jnp.arange(size)
    weights = jnp.exp(-((places[:, None] - places) ** 2) / (2 * sd**2))
    return weights / weights.sum(1, keepdims=True)
