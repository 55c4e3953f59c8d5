"""SDN: features from which no scene can be told, and no action where the person is hidden.

Source: Choi et al., "Why Can't I Dance in the Mall? Learning to Mitigate Scene Bias in Action Recognition" (NeurIPS
2019), vt-vl-lab/SDN: libs/train_epoch.py, models/resnet.py, loss/, datasets/kinetics.py. Where this differs from it:

- One loss, one step. The code takes a step on the first two terms and then one on the confusion, both with the same
  optimiser, of which the second moves on from where the first has led.
- Confusion is that of the action head, as in the paper. The published command leaves `is_mask_adv` on (its flag turns
  it off), by which confusion is asked of a head of its own behind a second reversal: the network then learns certainty.
- One learning rate. In the first stage the code has 1e-2 for the scene head and 1e-4 for the network, and the second
  goes on with that head; here one that starts from exported weights gets a new head.
- Confusion is asked of the batch's own clips. The code draws others, from the videos that have a person in at least
  70 % of their frames. It computes whether the clip itself has any, too, and then does not use it: it asks confusion
  of clips whose person is not hidden. Here the 70 % are of the clip's own frames.
- The persons' pixels are replaced before the network, with the mean colour of the frame as it was cropped; the code
  paints over the whole boxes, before it crops.
- Scene layers are 512 wide, as the features of the code's ResNet-18 are, for networks of any width. The scales of
  their normalisation start at 1; the code's torch 0.4 draws them from 0..1.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from albar_jax.errors import UserError
from albar_jax.methods.base import PERSON_MASK, SCENE, AuxNeed, Head, Method
from albar_jax.methods.losses import cross_entropy, negative_entropy, valid_mean
from albar_jax.parallel.global_batch import global_moments
from albar_jax.schema.fields import Count, NonNegative, Share, checked
from albar_jax.types import Batch, Metrics, Params, Predict

WIDTH, DEPTH = 512, 3  # of the hidden layers of the scene head
EPSILON = 1e-5  # of torch's BatchNorm1d


@checked
def make(
    num_scenes: Count = 365,
    scene_weight: NonNegative = 1.0,
    reversal: NonNegative = 1.0,
    confusion_weight: NonNegative = 1.0,
    min_person_share: Share = 0.7,
) -> Method:
    """Returns SDN: cross-entropy, an adversarial scene classifier, and human-mask confusion.

    A weight of 0 removes its term and all that only it needs. The published recipe has two stages: scenes alone
    (confusion_weight 0, reversal 1), then, from the weights of the first, all terms with reversal 0.5.

    Args:
      num_scenes: how many scenes there are pseudo-labels of; 365 are those of Places365.
      scene_weight: weight of the scene classifier's cross-entropy.
      reversal: alpha, by which the gradient of that term is multiplied, and turned round, where it enters the network.
      confusion_weight: weight of the negative entropy of the action's probabilities when the persons are hidden.
      min_person_share: share of its frames, 0..1, in which a clip must show a person to count in the confusion. A clip
        without any person never counts.

    Raises:
      UserError: for an option that is out of range; when the step is compiled, if the batch has another number of
        scenes.
    """

    def loss(
        predict: Predict, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        k_moving, k_hidden = jax.random.split(key)
        outputs = predict(batch.video, k_moving)
        total = plain = valid_mean(cross_entropy(outputs.logits, batch.target), batch.valid)
        scene = confusion = jnp.zeros(())
        if scene_weight:
            scene = scene_term(outputs.heads["scene"], batch)
            total += scene_weight * scene
        if confusion_weight:
            hidden = predict(without_persons(batch.video, batch.person_mask), k_hidden)
            counts = batch.valid * shows_person(batch.person_mask, min_person_share)
            confusion = valid_mean(negative_entropy(hidden.logits), counts)
            total += confusion_weight * confusion
        return total, {
            "loss/cross_entropy": plain,
            "loss/scene": scene,
            "loss/confusion": confusion,
            "loss/total": total,
        }

    heads: dict[str, Head] = {}
    needs: dict[str, AuxNeed] = {}
    if scene_weight:
        heads["scene"] = scene_head(num_scenes, reversal)
        needs["scene"] = dataclasses.replace(SCENE, width=num_scenes)
    if confusion_weight:
        needs["person_mask"] = PERSON_MASK

    return Method(loss=loss, heads=heads, needs=needs)


def scene_term(logits: Float[Array, "b s"], batch: Batch) -> Float[Array, ""]:
    """Mean cross-entropy against the scenes' soft pseudo-labels, over the valid clips that have one."""
    if batch.scene.shape[-1] != logits.shape[-1]:
        raise UserError(
            f"sdn.num_scenes is {logits.shape[-1]}, but the videos have the probabilities of {batch.scene.shape[-1]} "
            "scenes; set it to that"
        )
    return valid_mean(cross_entropy(logits, batch.scene), batch.valid * (batch.scene.sum(-1) > 0))


def without_persons(
    video: Float[Array, "b t h w 3"], mask: Bool[Array, "b t h w"]
) -> Float[Array, "b t h w 3"]:
    """Puts the mean colour of each frame where its persons are."""
    return jnp.where(mask[..., None], video.mean((2, 3), keepdims=True), video)


def shows_person(mask: Bool[Array, "b t h w"], min_share: float) -> Bool[Array, " b"]:
    """Whether a person is in at least this share of a clip's frames, and in one at all."""
    # Rounded first: 0.28 * 25 is 7.000000000000001.
    frames_needed = max(1, math.ceil(round(min_share * mask.shape[1], 6)))
    return mask.any((2, 3)).sum(1) >= frames_needed


def scene_head(num_scenes: int, reversal: float) -> Head:
    """Reversed gradient, three times linear, batch normalisation and ReLU, and a linear layer of scenes.

    The normalisation is always by the statistics of the batch, unreadable clips included: the head exists in training
    only, so nobody needs running ones.
    """

    def init(key: Key[Array, ""], feature_width: int) -> Params:
        widths = [feature_width, *[WIDTH] * DEPTH, num_scenes]
        keys = jax.random.split(key, DEPTH + 1)
        params = {str(i): _linear(keys[i], widths[i], widths[i + 1]) for i in range(DEPTH + 1)}
        for i in range(DEPTH):
            params[str(i)]["norm"] = {"scale": jnp.ones(WIDTH), "bias": jnp.zeros(WIDTH)}
        return params

    def apply(params: Params, features: Float[Array, "b d"]) -> Float[Array, "b s"]:
        x = reverse_gradient(features, reversal)
        for i in range(DEPTH):
            layer = params[str(i)]
            x = jax.nn.relu(_normalised(x @ layer["kernel"] + layer["bias"], **layer["norm"]))
        return x @ params[str(DEPTH)]["kernel"] + params[str(DEPTH)]["bias"]

    return Head(init, apply)


def reverse_gradient(x: Float[Array, "b d"], alpha: float) -> Float[Array, "b d"]:
    """Leaves x as it is, and multiplies its gradient by -alpha. (Ganin and Lempitsky, 2015)"""

    @jax.custom_vjp
    def same(x: Array) -> Array:
        return x

    same.defvjp(lambda x: (x, None), lambda _, gradient: (-alpha * gradient,))
    return same(x)


def _linear(key: Key[Array, ""], width_in: int, width_out: int) -> Params:
    # As torch's Linear starts: uniform within 1 / sqrt(width_in), the biases too.
    k_kernel, k_bias = jax.random.split(key)
    bound = width_in**-0.5
    return {
        "kernel": jax.random.uniform(k_kernel, (width_in, width_out), minval=-bound, maxval=bound),
        "bias": jax.random.uniform(k_bias, (width_out,), minval=-bound, maxval=bound),
    }


def _normalised(x: Array, *, scale: Array, bias: Array) -> Array:
    mean, variance, _ = global_moments(x)
    return (x - mean) / jnp.sqrt(variance + EPSILON) * scale + bias
