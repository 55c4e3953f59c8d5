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
and under mixing the static clip is a frame of the mixed clip (`static_of`). The options
`adversarial_cap`, `static_frames` and all from `penalty_of` on are ours.

Example: `python train.py --config configs/hmdb51.py:albar --config.methods.albar.penalty_weight=5`
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.methods.base import Method
from albar_jax.methods.input_gradient import Memory
from albar_jax.methods.losses import cross_entropy, valid_mean
from albar_jax.methods.penalty_directions import PenaltyOf
from albar_jax.methods.static_clips import OWN_STILL, Frame, min_frames, static_batches
from albar_jax.methods.static_terms import (
    NORMS,
    Adversarial,
    StaticTerms,
    TermOptions,
    static_terms,
)
from albar_jax.schema.fields import Count, Limit, NonNegative, ShareAboveZero, checked
from albar_jax.types import Batch, Metrics, Predict


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
    penalty_of: PenaltyOf = "sum",
    penalty_scale: Literal["clip", "length_free"] = "clip",
    penalty_share: ShareAboveZero = 1.0,
    static_noise: NonNegative = 0.0,
    static_bias: Literal["exact", "folded"] = "exact",
    adversarial: Adversarial = "cross_entropy",
    adversarial_margin: NonNegative = 3.0,
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
      penalty_of: scalar whose gradient the penalty measures: "sum", the paper's sum of the logits;
        "random", the product of the logits with a random direction that sums to 0, drawn for each
        clip and step; "label", the log-probability of the label. The costs are equal. Softmax sees
        only the last two; see `penalty_directions`. The gradient along "label" is smaller than
        along the others, for equal weights by about sqrt(number of classes).
      penalty_scale: "clip", the paper's norm over all frames of the static clip, which is larger
        for shorter static clips by sqrt(clip frames / static frames); "length_free", the norm of
        the gradient with respect to the still / sqrt(clip frames), which does not depend on
        `static_frames` and equals "clip" where all frames have the same gradient.
      penalty_share: share of the clips, drawn for each step, that have a penalty, above 0 to 1. The
        penalty is weighted so that its expectation does not change. The number of clips is rounded
        up on each device. Networks with batch norm normalize the other clips by themselves.
      static_noise: standard deviation of Gaussian noise on the still, in units of the normalized
        pixels, the same in all frames of a static clip. With the entropy term it acts like a
        penalty, at no cost; see `static_draws.with_noise`.
      static_bias: position bias of a static clip that is shorter than the clip: "exact", its own,
        or "folded", which makes it attend like a static clip as long as the clip; see
        `models.folding`.
      adversarial: form of Eq. 2: "cross_entropy", the paper's; "one_minus_p", -log(1 - p_s) of the
        label; "below_chance", which asks for less than chance, see `adversarial_margin`. The last
        two are 0 or more, so they cannot diverge, and need no cap.
      adversarial_margin: with "below_chance", distance in nats from the log-odds of chance to the
        log-odds of the label for the still. The term pushes until the label is so unlikely.

    Raises:
      UserError: an option is out of range.
    """
    static_batch = static_batches(frame, static_frames, static_of)
    options = TermOptions(
        norm=NORMS[penalty_norm] if penalty_weight else None,
        cap=math.inf if adversarial_cap is None else adversarial_cap,
        memory=memory,
        penalty_of=penalty_of,
        length_free=penalty_scale == "length_free",
        noise=static_noise,
        penalty_share=penalty_share,
        adversarial=adversarial,
        margin=adversarial_margin,
        folded=static_bias == "folded",
    )
    has_static = bool(adv_weight or entropy_weight or penalty_weight)

    def loss(
        predict: Predict, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        k_motion, k_frame, k_static = jax.random.split(key, 3)
        logits = predict(batch.video, k_motion).logits
        plain = valid_mean(cross_entropy(logits, batch.target), batch.valid)
        total = plain
        terms = StaticTerms(*[jnp.zeros(())] * 3)
        if has_static:
            static = static_batch(batch, k_frame)
            # Folded in, so that the other keys do not depend on it.
            k_draw = jax.random.fold_in(key, 3)
            num_frames = batch.video.shape[1]
            terms = static_terms(predict, static, k_static, options, num_frames, k_draw)
            total = (
                plain
                + adv_weight * terms.adversarial
                + entropy_weight * terms.entropy
                + penalty_weight * terms.penalty
            )

        return total, {
            "loss/cross_entropy": plain,
            "loss/adversarial": terms.adversarial,
            "loss/entropy": terms.entropy,
            "loss/gradient_penalty": terms.penalty,
            "loss/total": total,
        }

    if not has_static:
        return Method(loss=loss)
    needs = {"still": OWN_STILL} if frame == "still" else {}
    reads_clean = static_of == "clean" and frame != "still"
    return Method(
        loss=loss,
        needs=needs,
        min_frames=min_frames(frame, static_frames),
        keeps_clean=reads_clean,
    )
