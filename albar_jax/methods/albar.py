"""ALBAR: adversarial learning to mitigate biases in action recognition.

(Fioresi, Dave, Shah, ICLR 2025)

    total = CE(p, y) + adv_weight * L_adv + entropy_weight * L_ent + penalty_weight * L_gp   (Eq. 5)

    L_adv = -CE(p_s, y)                     (Eq. 2)  fail on the static clip
    L_ent = sum p_s log p_s                 (Eq. 3)  be undecided about it
    L_gp  = || d sum(logits_s) / d s ||     (Eq. 4)  do not depend steeply on it

The static clip s is one frame, repeated; p and p_s are the probabilities of the clip and of s. One
forward pass of the static clip feeds all three terms. For image data, whose clips have equal
frames, the background image takes its place (Waterbirds, Table 9).

Differences from the released code: the penalty's norm is the paper's by default (`penalty_norm`),
and under mixing the static clip is a frame of the mixed clip (`static_of`).

Example: `python train.py --config configs/hmdb51.py:albar --config.methods.albar.penalty_weight=5`
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.errors import UserError
from albar_jax.methods.base import STILL, Method, needed
from albar_jax.methods.input_gradient import (
    Memory,
    Norm,
    Video,
    clip_norm,
    column_norm,
    logits_and_input_gradient_norm,
)
from albar_jax.methods.losses import cross_entropy, negative_entropy, valid_mean
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.global_batch import draw_for_clips
from albar_jax.schema.fields import Count, Index, Limit, NonNegative, checked
from albar_jax.types import Batch, Metrics, Predict

# Maps a key and the numbers of clips and frames to the frame number of each clip.
FrameChoice = Callable[[Key[Array, ""], int, int], Array]
Frame = Literal["middle", "first", "last", "random", "still"] | Index
NORMS = {"clip": clip_norm, "column": column_norm}
# Name of a frame -> its number in a clip of t frames.
_NAMED_FRAMES = {"middle": lambda t: t // 2, "first": lambda t: 0, "last": lambda t: t - 1}
# The still replaces the clip's own frame, so a bank of other clips' stills is refused.
OWN_STILL = dataclasses.replace(STILL, own_for="albar.frame is still, the clip's own")


@checked
def make(
    adv_weight: NonNegative = 1.0,
    entropy_weight: NonNegative = 4.0,
    penalty_weight: NonNegative = 10.0,
    penalty_norm: Literal["clip", "column"] = "clip",
    frame: Frame = "middle",
    adversarial_cap: Limit | None = None,
    static_frames: Count | None = None,
    memory: Memory = "linearize",
    static_of: Literal["mixed", "clean"] = "mixed",
) -> Method:
    """Returns ALBAR's objective, Eq. 5, a loss.

    A weight of 0 removes its term from the compiled step.

    Args:
      adv_weight: weight of the adversarial term, Eq. 2.
      entropy_weight: weight of the entropy term, Eq. 3.
      penalty_weight: weight of the gradient penalty, Eq. 4.
      penalty_norm: "clip", the paper's L2 norm over the whole clip, or "column", the mean over the
        norms of the W image columns in the released code.
      frame: frame that becomes the static clip: "middle" (T // 2), "first", "last", "random" (drawn
        for each clip) or a frame number. "still" is the batch's `still` instead, such as the
        background image in Waterbirds (ALBAR App.).
      adversarial_cap: static cross-entropy in nats above which a clip has no adversarial gradient.
        None and infinity follow the paper. Without a cap the term has no lower bound and can
        diverge when training from scratch; log(number of classes) is chance level.
      static_frames: frames of the static clip; None uses the length of the clip, like the paper.
      memory: schedule of the penalty's passes. "two_pass" needs less memory than "linearize", but
        a third more FLOPs in the static clip. The results are equal; see `input_gradient`.
      static_of: source of the static clip if other methods mix the batch. "mixed" is the clip that
        the loss sees, "clean" the clip before mixing with its own label, as in the released code.

    Raises:
      UserError: an option is out of range.
    """
    static_batch = _static_batches(frame, static_frames, static_of)
    norm = NORMS[penalty_norm] if penalty_weight else None
    cap = math.inf if adversarial_cap is None else adversarial_cap
    has_static = bool(adv_weight or entropy_weight or penalty_weight)

    def loss(
        predict: Predict, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        k_motion, k_frame, k_static = jax.random.split(key, 3)
        logits = predict(batch.video, k_motion).logits
        plain = valid_mean(cross_entropy(logits, batch.target), batch.valid)
        total = plain
        adversarial = entropy = penalty = jnp.zeros(())
        if has_static:
            static = static_batch(batch, k_frame)
            terms = static_terms(predict, static, k_static, norm, cap, memory)
            adversarial, entropy, penalty = terms
            total = (
                plain
                + adv_weight * adversarial
                + entropy_weight * entropy
                + penalty_weight * penalty
            )

        return total, {
            "loss/cross_entropy": plain,
            "loss/adversarial": adversarial,
            "loss/entropy": entropy,
            "loss/gradient_penalty": penalty,
            "loss/total": total,
        }

    if not has_static:
        return Method(loss=loss)
    needs = {"still": OWN_STILL} if frame == "still" else {}
    reads_clean = static_of == "clean" and frame != "still"
    return Method(
        loss=loss,
        needs=needs,
        min_frames=_min_frames(frame, static_frames),
        keeps_clean=reads_clean,
    )


def _min_frames(frame: str | int, static_frames: int | None) -> int:
    minimum = static_frames or 1
    if isinstance(frame, int):
        minimum = max(minimum, frame + 1)
    if frame != "still":
        # A clip of one frame would be its own static clip.
        minimum = max(minimum, 2)
    return minimum


def _static_batches(
    frame: str | int, static_frames: int | None, static_of: str
) -> Callable[[Batch, Key], Batch]:
    """Returns a function that makes the static clips and labels of a batch; see `make`."""
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


def static_terms(
    predict: Predict,
    static: Batch,
    key: Key[Array, ""] | None,
    norm: Norm | None,
    cap: float,
    memory: Memory,
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Returns Eq. 2, 3 and 4 from one forward pass of the static clips.

    Args:
      predict: network with its weights closed over.
      static: batch whose `video` holds the static clips.
      key: random key of dropout and stochastic depth.
      norm: norm of Eq. 4; without one, Eq. 4 is 0 and costs nothing.
      cap: upper limit of each clip's cross-entropy in Eq. 2, in nats.
      memory: schedule of the penalty's passes.

    Returns:
      Means over the valid clips.
    """
    if norm is None:
        logits = predict(static.video, key).logits
        penalty = jnp.zeros(static.video.shape[0])
    else:
        logits, penalty = logits_and_input_gradient_norm(predict, static.video, key, norm, memory)

    adversarial = -jnp.minimum(cross_entropy(logits, static.target), cap)
    entropy = negative_entropy(logits)
    return (
        valid_mean(adversarial, static.valid),
        valid_mean(entropy, static.valid),
        valid_mean(penalty, static.valid),
    )


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
