"""The static clips of ALBAR: one frame of each clip, repeated. (ALBAR Sec. 3.2)"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.errors import UserError
from albar_jax.methods.base import STILL, needed
from albar_jax.methods.input_gradient import Video
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.global_batch import draw_for_clips
from albar_jax.schema.fields import Index
from albar_jax.types import Batch

# Maps a key and the numbers of clips and frames to the frame number of each clip.
FrameChoice = Callable[[Key[Array, ""], int, int], Array]
Frame = Literal["middle", "first", "last", "random", "still"] | Index
# Name of a frame -> its number in a clip of t frames.
_NAMED_FRAMES = {"middle": lambda t: t // 2, "first": lambda t: 0, "last": lambda t: t - 1}
# The still replaces the clip's own frame, so a bank of other clips' stills is refused.
OWN_STILL = dataclasses.replace(STILL, own_for="albar.frame is still, the clip's own")


def min_frames(frame: str | int, static_frames: int | None) -> int:
    """Returns the number of frames that a clip needs; see `albar.make` for the options."""
    minimum = static_frames or 1
    if isinstance(frame, int):
        minimum = max(minimum, frame + 1)
    if frame != "still":
        # A clip of one frame would be its own static clip.
        minimum = max(minimum, 2)
    return minimum


def static_batches(
    frame: str | int, static_frames: int | None, static_of: str
) -> Callable[[Batch, Key], Batch]:
    """Returns a function that makes the static clips and labels of a batch; see `albar.make`."""
    choose_frame = _frame_choice("first" if frame == "still" else frame)

    def static_batch(batch: Batch, key: Key[Array, ""]) -> Batch:
        index = choose_frame(key, *batch.video.shape[:2])
        length = _length(static_frames, batch.video.shape[1])
        if frame == "still":
            video = static_clip(needed(batch.still)[:, None], index, length)
            return dataclasses.replace(batch, video=video)

        # Without mixing, the batch itself is clean.
        if static_of == "mixed" or batch.clean is None:
            return dataclasses.replace(batch, video=static_clip(batch.video, index, length))

        # The clean clips are uint8; only the selected frames are normalized.
        video = normalise(static_clip(batch.clean.video, index, length))
        return dataclasses.replace(batch, video=video, target=batch.clean.target)

    return static_batch


def static_clip(video: Video, index: Array, length: int) -> Video:
    """Repeats frame `index[i]` of clip i `length` times. (ALBAR Sec. 3.2)"""
    frames = jnp.take_along_axis(video, index[:, None, None, None, None], axis=1)
    return jnp.broadcast_to(frames, (video.shape[0], length, *video.shape[2:]))


def tested_frame(frame: str | int, num_frames: int) -> int:
    """Returns the frame that stands for a clip when a trained model is asked about a still.

    Args:
      frame: the option `frame` of the training. "random" and "still" name no frame of a clip, so
        the middle one stands for them.
      num_frames: frames of the clip.
    """
    # A config from the command line holds digits.
    if str(frame).isdecimal():
        return min(int(frame), num_frames - 1)
    return _NAMED_FRAMES.get(str(frame), _NAMED_FRAMES["middle"])(num_frames)


def _length(static_frames: int | None, num_frames: int) -> int:
    if static_frames is not None and static_frames > num_frames:
        raise UserError(
            f"albar.static_frames is {static_frames}, but a clip has {num_frames} frames; give at "
            "most that"
        )
    return static_frames or num_frames


def _frame_choice(frame: str | int) -> FrameChoice:
    if frame == "random":
        # Drawn for the global batch, so that results do not depend on the device count.
        return lambda key, num_clips, num_frames: draw_for_clips(
            lambda n: jax.random.randint(key, (n,), 0, num_frames), num_clips
        )

    if isinstance(frame, str):
        position = _NAMED_FRAMES[frame]
        return lambda key, num_clips, num_frames: jnp.full(num_clips, position(num_frames))

    def fixed(key: Key[Array, ""], num_clips: int, num_frames: int) -> Array:
        if frame >= num_frames:
            raise UserError(
                f"albar.frame is {frame}, but a clip has {num_frames} frames; give 0 to "
                f"{num_frames - 1}"
            )
        return jnp.full(num_clips, frame)

    return fixed
